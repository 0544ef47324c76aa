#!/bin/sh
# Preset "work-folder": a folder that jobs may write to, the same at every run on this node.
#
# The contract of a preset: run once per checksum, idempotent, exit 0 when the environment is
# ready. What it writes to the file $CRONY_PRESET_ENV is sourced before each run of a job that
# names this preset.
set -eu

: "${CRONY_PRESET_ENV:?the agent says where the environment file goes}"

if [ "$(id -u)" = 0 ]; then
    folder=/var/lib/crony-work
else
    folder=${XDG_STATE_HOME:-${HOME:-/tmp}/.local/state}/crony-work
fi
mkdir -p "$folder/log" "$folder/report" 2>/dev/null || {
    folder=${TMPDIR:-/tmp}/crony-work-$(id -u)
    mkdir -p "$folder/log" "$folder/report"
}
chmod 0750 "$folder"

# Written aside and renamed, so that no run ever sources half of it.
printf 'export WORK_FOLDER="%s"\n' "$folder" > "$CRONY_PRESET_ENV.new"
mv "$CRONY_PRESET_ENV.new" "$CRONY_PRESET_ENV"
