#!/usr/bin/env bash
# Install the real toxiproxy-server and toxiproxy-cli, 2.12.0, into the folder $1, by Go's ordinary client. What is
# there already stays. The tests that compare the embedded server with the real one look for it on PATH.
set -euo pipefail
version=2.12.0
folder=$(mkdir -p "$1" && cd "$1" && pwd)
module=github.com/Shopify/toxiproxy/v2

if [ "$("$folder/toxiproxy-server" -version 2>/dev/null || true)" = "toxiproxy-server version $version" ] &&
    [ -x "$folder/toxiproxy-cli" ]; then
    exit 0
fi
go=$(command -v go || echo /usr/local/go/bin/go)
if [ ! -x "$go" ]; then
    echo "toxiproxy.sh: no go, neither on PATH nor in /usr/local/go/bin: install Go 1.23 or later" >&2
    exit 1
fi
for name in server cli; do
    # Static, so that the server also makes an image by itself; the version is what a release build says.
    (cd / && CGO_ENABLED=0 GOBIN="$folder" GOFLAGS="" "$go" install -trimpath \
        -ldflags "-s -w -X $module.Version=$version" "$module/cmd/$name@v$version")
    mv "$folder/$name" "$folder/toxiproxy-$name"
done
"$folder/toxiproxy-server" -version
