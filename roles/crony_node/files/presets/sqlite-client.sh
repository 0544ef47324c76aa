#!/bin/sh
# Preset "sqlite-client": the program `sqlite3`, from the host's own package mirrors. A host without
# one gets it from the packages that stand in the folder sqlite-client/ beside this script.
set -eu

: "${CRONY_PRESET_ENV:?the agent says where the environment file goes}"

if ! command -v sqlite3 >/dev/null; then
    [ "$(id -u)" = 0 ] || { echo 'only root installs packages' >&2; exit 1; }
    if command -v apt-get >/dev/null; then
        export DEBIAN_FRONTEND=noninteractive
        set -- "$PWD"/sqlite-client/*.deb
        [ -e "$1" ] || { apt-get -qq update; set -- sqlite3; }
        # Another preset may be installing something, too.
        apt-get -qq -o DPkg::Lock::Timeout=300 install -y --no-install-recommends "$@" </dev/null
    else
        set -- "$PWD"/sqlite-client/*.rpm
        [ -e "$1" ] || set -- sqlite
        dnf -q install -y "$@" </dev/null
    fi
fi

# It proves itself before any job relies on it.
[ "$(sqlite3 :memory: 'select 6 * 7')" = 42 ]

printf 'SQLITE3=%s\n' "$(command -v sqlite3)" >"$CRONY_PRESET_ENV.new"
mv "$CRONY_PRESET_ENV.new" "$CRONY_PRESET_ENV"
