#!/usr/bin/env bash
# Writes docs/reference.md from the doc comments of what the package exports: moco-search/server, moco-search/client and
# moco-search/training.
# typedoc uses the compiler as a library, which TypeScript 7 does not offer, so it comes with a TypeScript of its own.
set -euo pipefail
cd "$(dirname "$0")/.."
repository=$PWD
tools=$(mktemp -d)
trap 'rm -rf "$tools"' EXIT

cd "$tools"
echo '{ "private": true }' > package.json
npm install --no-audit --no-fund --silent typescript@5.9 typedoc@0.28 typedoc-plugin-markdown@4
cat > tsconfig.json << EOF
{
  "compilerOptions": {
    "strict": true, "target": "es2023", "module": "nodenext", "skipLibCheck": true, "noEmit": true,
    "rewriteRelativeImportExtensions": true, "types": ["node"], "typeRoots": ["$repository/node_modules/@types"]
  },
  "include": ["$repository/server/index.ts", "$repository/client/index.ts", "$repository/training/index.ts"]
}
EOF
./node_modules/.bin/typedoc --plugin typedoc-plugin-markdown --tsconfig tsconfig.json --logLevel Error \
  --entryPoints "$repository/server/index.ts" --entryPoints "$repository/client/index.ts" \
  --entryPoints "$repository/training/index.ts" \
  --outputFileStrategy modules --readme none --disableSources --excludeExternals --hideBreadcrumbs --hidePageHeader \
  --parametersFormat table --interfacePropertiesFormat table --typeDeclarationFormat table \
  --propertyMembersFormat table --out out
{
  echo "<!-- Made by scripts/reference.sh from the doc comments. Do not edit. -->"
  for module in server client training; do
    sed "s|^# $module\$|# moco-search/$module|; s/(\(server\|client\|training\)\.md#/(#/g" "out/$module.md"
  done
} > "$repository/docs/reference.md"
