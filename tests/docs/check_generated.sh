#!/bin/sh
# check_generated.sh SOURCE DOCS_FRAGMENTS: every file of docs/generated is what its command prints now.
new=$(mktemp -d) || exit 1
trap 'rm -rf "$new"' EXIT
"$2" --write "$new" || exit 1
for file in "$new"/*; do
  [ -s "$file" ] || { echo "$(basename "$file") is empty"; exit 1; }
done
diff -ru "$1/docs/generated" "$new" && echo "$(ls "$new" | wc -l) generated files are up to date" && exit 0
echo "docs/generated differs from what its code says; if the code is right: docs_fragments --write docs/generated"
exit 1
