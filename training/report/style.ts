/** The style sheet of the report; light or dark like the reader's system. */
export const STYLE = `
:root { color-scheme: light dark; --line: #8884; --soft: #8881; }
body { margin: 0; font: 15px/1.5 system-ui, sans-serif; }
main { max-width: 1280px; margin: 0 auto; padding: 24px; }
h1 { margin: 0 0 12px; font-size: 26px; overflow-wrap: anywhere; }
h2 { margin: 36px 0 4px; font-size: 19px; }
h2 + p { margin: 0 0 12px; max-width: 80ch; opacity: .75; }
.verdict { margin: 0; padding: 12px 16px; border-left: 5px solid; border-radius: 4px; background: var(--soft); }
.good { border-color: #2f9e5b; } .bad { border-color: #d9463b; }
dl { display: flex; flex-wrap: wrap; gap: 12px 32px; margin: 18px 0 24px; }
dt { font-size: 12px; opacity: .7; } dd { margin: 0; font-size: 17px; font-variant-numeric: tabular-nums; }
.sheets { display: grid; grid-template-columns: repeat(auto-fit, minmax(340px, 1fr)); gap: 0 32px; }
.charts { display: grid; grid-template-columns: repeat(auto-fill, minmax(340px, 1fr)); gap: 20px; }
figure { margin: 0; padding: 12px; border: 1px solid var(--line); border-radius: 8px; }
figcaption { display: flex; flex-wrap: wrap; gap: 0 14px; font-weight: 600; }
figcaption small { flex-basis: 100%; font-weight: 400; opacity: .7; }
.legend { font-weight: 400; font-size: 13px; }
.legend i { display: inline-block; width: 10px; height: 10px; margin: 0 5px 0 8px; border-radius: 5px; }
figure svg { display: block; width: 100%; height: auto; }
img { image-rendering: pixelated; width: min(100%, 640px); }
.scroll { overflow-x: auto; }
table { border-collapse: collapse; font-size: 14px; font-variant-numeric: tabular-nums; }
th, td { padding: 5px 12px; text-align: right; vertical-align: top; border-bottom: 1px solid var(--line); white-space: nowrap; }
.text { text-align: left; white-space: normal; min-width: 36ch; }
pre { padding: 12px; overflow-x: auto; border-radius: 8px; background: var(--soft); }
`;
