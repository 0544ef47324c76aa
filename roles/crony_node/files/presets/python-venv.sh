#!/bin/sh
# Preset "python-venv": a virtual environment with the packages below. A job that names it finds the
# environment's programs first on its PATH, and the folder in VENV.
#
# For another set of packages copy this file under another name, which is the preset's. The packages
# come from the wheels that the fleet was installed from (`make wheelhouse WITH='…'` adds some), or
# where there are none from where pip looks.
set -eu
packages='PyYAML>=6,<7 python-dateutil>=2.9'

: "${CRONY_PRESET_ENV:?the agent says where the environment file goes}"
umask 022

# Each text of this script has a folder of its own: jobs that still want the one before find it.
folder=${VENVS:-/var/lib/crony-venvs}/$CRONY_PRESET
venv=$folder/$(sha256sum <"$0" | cut -c1-12)
wheels=/opt/crony/current/wheels

if [ ! -e "$venv/.complete" ]; then
    rm -rf "$venv"
    mkdir -p "$folder"
    set -f # a `*` in a requirement is none of the shell's
    if [ -d "$wheels" ]; then
        python3 -m venv --without-pip "$venv"
        set +f
        pip=$(ls "$wheels"/pip-*.whl | tail -n 1)
        set -f
        "$venv/bin/python" "$pip/pip" install -q --no-index --find-links "$wheels" $packages
    else
        python3 -m venv "$venv"
        "$venv/bin/python" -m pip install -q --disable-pip-version-check $packages
    fi
    set +f
    touch "$venv/.complete"
fi

# The agent offers the last four.
ls -1td "$folder"/*/ | tail -n +5 | xargs -r rm -rf

printf 'VENV="%s"\nPATH="%s/bin:$PATH"\n' "$venv" "$venv" >"$CRONY_PRESET_ENV.new"
mv "$CRONY_PRESET_ENV.new" "$CRONY_PRESET_ENV"
