#!/bin/sh
# Removes all but the newest KEEP builds in ROOT, and names each on stdout. The build BUILD stays,
# and so does one that is in force or that a process still uses: a daemon reads its modules when it
# first needs them, so it would break long after.
set -eu
root=$1 keep=$2 build=$3
cd "$root"
in_force=$(readlink -f current || true)
left=0
for name in $(ls -td -- *-*/ 2>/dev/null | tr -d /); do
    [ ! -L "$name" ] || continue
    left=$((left + 1))
    [ "$left" -gt "$keep" ] || continue
    [ "$name" != "$build" ] && [ "$root/$name" != "$in_force" ] || continue
    ! cat /proc/[0-9]*/maps 2>/dev/null | grep -qF "$root/$name/" || continue
    rm -rf -- "$name"
    echo "$name"
done
# The names of versions of which no build is left.
find . -maxdepth 1 -xtype l ! -name current -delete
