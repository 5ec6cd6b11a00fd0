// A dot for every image, drawn by WebGL 2: a hundred thousand of them are one call.
import type { Place, View } from "./plane.ts";

export type Colour = readonly [red: number, green: number, blue: number];

/** Draws dots on a canvas. */
export interface Dots {
  /** Takes new places, and the number of each one's colour; later ones lie over earlier ones. */
  set(places: readonly Place[], colours: readonly number[]): void;
  /**
   * @param palette Colours by number, 0..1 for each part.
   * @param size Of a dot, CSS pixels.
   */
  draw(view: View, palette: readonly Colour[], size: number): void;
}

/** Most colours of a palette. */
const MOST_COLOURS = 16;

const VERTEX = `#version 300 es
uniform vec2 offset, screen;
uniform float scale, size;
uniform vec3 palette[${MOST_COLOURS}];
in vec2 place;
in float colour;
out vec3 shade;
void main() {
  vec2 at = (offset + place * scale) / screen * 2.0 - 1.0;
  gl_Position = vec4(at.x, -at.y, 0.0, 1.0);
  gl_PointSize = size;
  shade = palette[int(colour)];
}`;

const FRAGMENT = `#version 300 es
precision mediump float;
in vec3 shade;
out vec4 pixel;
void main() {
  float distance = length(gl_PointCoord - 0.5);
  float cover = 0.9 * (1.0 - smoothstep(0.42, 0.5, distance));
  pixel = vec4(shade * cover, cover);
}`;

/** What a processor that runs shaders in place of a graphics card calls itself. */
const SOFTWARE = /swiftshader|llvmpipe|softpipe|software|basic render/i;

/** True where WebGL 2 is there and a graphics card draws it. */
function hasGraphicsCard(): boolean {
  const gl = new OffscreenCanvas(1, 1).getContext("webgl2", { failIfMajorPerformanceCaveat: true });
  if (!gl) return false;
  const named = gl.getExtension("WEBGL_debug_renderer_info");
  const name = String(gl.getParameter(named ? named.UNMASKED_RENDERER_WEBGL : gl.RENDERER));
  gl.getExtension("WEBGL_lose_context")?.loseContext();
  return !SOFTWARE.test(name);
}

/** Dots on a canvas; undefined where no graphics card draws them. */
export function createDots(canvas: HTMLCanvasElement): Dots | undefined {
  if (!hasGraphicsCard()) return undefined;
  const gl = canvas.getContext("webgl2", { antialias: false, premultipliedAlpha: true });
  if (!gl) return undefined;
  const program = link(gl);
  gl.useProgram(program);
  gl.enable(gl.BLEND);
  gl.blendFunc(gl.ONE, gl.ONE_MINUS_SRC_ALPHA);
  const uniform = (name: string) => gl.getUniformLocation(program, name);
  const at = { offset: uniform("offset"), screen: uniform("screen"), scale: uniform("scale"), size: uniform("size") };
  const paletteAt = uniform("palette");
  const attribute = (name: string, size: number) => {
    const buffer = gl.createBuffer();
    const location = gl.getAttribLocation(program, name);
    gl.bindBuffer(gl.ARRAY_BUFFER, buffer);
    gl.enableVertexAttribArray(location);
    gl.vertexAttribPointer(location, size, gl.FLOAT, false, 0, 0);
    return (values: Float32Array) => {
      gl.bindBuffer(gl.ARRAY_BUFFER, buffer);
      gl.bufferData(gl.ARRAY_BUFFER, values, gl.STATIC_DRAW);
    };
  };
  const setPlaces = attribute("place", 2);
  const setColours = attribute("colour", 1);
  let count = 0;

  return {
    set(places, colours) {
      count = places.length;
      setPlaces(Float32Array.from(places.flatMap(({ x, y }) => [x, y])));
      setColours(Float32Array.from(colours));
    },
    draw(view, palette, size) {
      const ratio = canvas.width / (canvas.clientWidth || 1);
      gl.viewport(0, 0, canvas.width, canvas.height);
      gl.clearColor(0, 0, 0, 0);
      gl.clear(gl.COLOR_BUFFER_BIT);
      gl.uniform2f(at.offset, view.x, view.y);
      gl.uniform2f(at.screen, canvas.clientWidth, canvas.clientHeight);
      gl.uniform1f(at.scale, view.scale);
      gl.uniform1f(at.size, size * ratio);
      const shades = Array.from({ length: MOST_COLOURS }, (_, i) => palette[i] ?? palette[0]!);
      gl.uniform3fv(paletteAt, shades.flat());
      gl.drawArrays(gl.POINTS, 0, count);
    },
  };
}

function link(gl: WebGL2RenderingContext): WebGLProgram {
  const program = gl.createProgram();
  for (const [type, source] of [
    [gl.VERTEX_SHADER, VERTEX],
    [gl.FRAGMENT_SHADER, FRAGMENT],
  ] as const) {
    const shader = gl.createShader(type)!;
    gl.shaderSource(shader, source);
    gl.compileShader(shader);
    gl.attachShader(program, shader);
  }
  gl.linkProgram(program);
  if (!gl.getProgramParameter(program, gl.LINK_STATUS)) throw new Error(gl.getProgramInfoLog(program) ?? "no program");
  return program;
}
