#!/bin/sh
# Preset "work-folder": a folder that jobs may write to, the same at every run on this node.
#
# The contract of a preset: run once per checksum, idempotent, exit 0 when the environment is
# ready. What it writes to the file $CRONY_PRESET_ENV is sourced before each run of a job that
# names this preset.
set -eu
# What is to be mounted there, such as files:/export/work, nfs4 and rw,soft. Left empty, the folder is
# on the node's own disk.
device='' type='' options=''
# Whose it is, where this runs as root: whom jobs run as that name no user.
owner=crony

: "${CRONY_PRESET_ENV:?the agent says where the environment file goes}"

if [ "$(id -u)" = 0 ]; then
    folder=/var/lib/crony-work
else
    folder=${XDG_STATE_HOME:-${HOME:-/tmp}/.local/state}/crony-work
fi
mkdir -p "$folder" 2>/dev/null || {
    folder=${TMPDIR:-/tmp}/crony-work-$(id -u)
    mkdir -p "$folder"
}
if [ -n "$device" ]; then
    # A unit, so that it is there after the next boot as well, and before the agent is.
    unit=$(systemd-escape --path --suffix=mount "$folder")
    cat >"/etc/systemd/system/$unit" <<UNIT
[Unit]
Description=Where jobs work
Before=crony-node.service
[Mount]
What=$device
Where=$folder
Type=$type
Options=$options
[Install]
WantedBy=multi-user.target
UNIT
    systemctl daemon-reload
    systemctl enable --quiet --now "$unit"
fi
mkdir -p "$folder/log" "$folder/report"
chmod 0750 "$folder"
if [ "$(id -u)" = 0 ] && id "$owner" >/dev/null 2>&1; then
    chown "$owner:" "$folder" "$folder/log" "$folder/report"
fi

# Written aside and renamed, so that no run ever sources half of it.
{
    printf 'export WORK_FOLDER="%s"\n' "$folder"
    # A run had better fail than fill the disk below.
    [ -z "$device" ] || printf 'mountpoint -q "%s" || { echo "%s is not mounted" >&2; exit 75; }\n' \
        "$folder" "$folder"
} >"$CRONY_PRESET_ENV.new"
mv "$CRONY_PRESET_ENV.new" "$CRONY_PRESET_ENV"
