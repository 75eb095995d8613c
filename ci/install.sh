#!/usr/bin/env bash
# Put the program driftsentry into the folder $1. With DRIFTSENTRY_VERSION and DRIFTSENTRY_SHA256 it is downloaded and compared with the
# checksum, which is the one of your platform in the release's file checksums.txt. Without a version it is built from the checkout that
# this file is in, which needs Go.
#
# DRIFTSENTRY_RELEASES is where releases are, for a mirror of your own.
set -euo pipefail

to=${1:?usage: install.sh FOLDER}
releases=${DRIFTSENTRY_RELEASES:-https://github.com/driftsentry/driftsentry/releases/download}
program=driftsentry
case $(uname -s) in
Linux) os=linux ;;
Darwin) os=darwin ;;
MINGW* | MSYS* | CYGWIN*) os=windows program=driftsentry.exe ;;
*) echo "driftsentry: there is no program for $(uname -s): build it with Go" >&2 && exit 1 ;;
esac
case $(uname -m) in
x86_64 | amd64) arch=amd64 ;;
arm64 | aarch64) arch=arm64 ;;
*) echo "driftsentry: there is no program for $(uname -m): build it with Go" >&2 && exit 1 ;;
esac

mkdir -p "$to"
if [[ -z ${DRIFTSENTRY_VERSION:-} ]]; then
    command -v go >/dev/null || { echo "driftsentry: give a version and its sha256, or install Go 1.26 or later to build it" >&2; exit 1; }
    to=$(cd "$to" && pwd)
    cd "$(dirname "${BASH_SOURCE[0]}")/../cli"
    GOWORK=off go build -buildvcs=false -trimpath -o "$to/$program" ./cmd/driftsentry
    exit
fi
if [[ ! ${DRIFTSENTRY_SHA256:-} =~ ^[0-9a-f]{64}$ ]]; then
    echo "driftsentry: give the sha256 of driftsentry_${os}_$arch, which is in checksums.txt of the release" >&2
    exit 1
fi
file=$(mktemp)
trap 'rm -f "$file"' EXIT
suffix=${program#driftsentry}
curl --fail --silent --show-error --location --retry 3 -o "$file" "$releases/v${DRIFTSENTRY_VERSION#v}/driftsentry_${os}_$arch$suffix"
if command -v sha256sum >/dev/null; then sum=$(sha256sum <"$file"); else sum=$(shasum -a 256 <"$file"); fi
if [[ ${sum%% *} != "$DRIFTSENTRY_SHA256" ]]; then
    echo "driftsentry: the checksum of the download is ${sum%% *}, not $DRIFTSENTRY_SHA256: it is not used" >&2
    exit 1
fi
install -m 0755 "$file" "$to/$program"
