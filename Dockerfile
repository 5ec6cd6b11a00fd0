# The server with its default model: docs/operations.md. scripts/try-image.sh runs every step of it without Docker.
FROM node:24-bookworm AS build
WORKDIR /app
COPY package.json package-lock.json .npmrc ./
COPY scripts/preinstall.js scripts/
# Only two packages have anything to compile, with the headers that the image has.
RUN npm ci --ignore-scripts --no-audit --no-fund && node scripts/preinstall.js \
  && npm_config_nodedir=/usr/local npm rebuild better-sqlite3 hnswlib-node
COPY . .
# Without what builds and tests, and without the encoder's libraries for other systems (245 MB).
RUN npm run build && npm prune --omit=dev --ignore-scripts --no-audit --no-fund \
  && find node_modules/onnxruntime-node/bin/napi-v6 -mindepth 2 -maxdepth 2 \
    ! -path "*/linux/$(node -p process.arch)" -exec rm -r {} +

FROM node:24-bookworm-slim
WORKDIR /app
COPY --from=build /app ./
RUN mkdir /data /models && chown node:node /data
ENV NODE_ENV=production MOCO_SEARCH_DATA=/data MOCO_SEARCH_MODELS=/models MOCO_SEARCH_HOST=0.0.0.0
USER node
VOLUME /data
EXPOSE 3000
HEALTHCHECK --start-period=60s CMD ["node", "-e", "fetch('http://127.0.0.1:3000/readyz').then(({ ok }) => process.exit(ok ? 0 : 1), () => process.exit(1))"]
ENTRYPOINT ["node", "dist/cli/main.js"]
CMD ["serve"]
