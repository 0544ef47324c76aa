# Read by the bash of a run before the job's own command (through BASH_ENV), so that the command
# stays as its author wrote it: line numbers, $0, and what `ps` shows.
unset BASH_ENV

# Into the run's control group, before anything of the run begins. If that is refused, it goes
# without: the agent then finds the group empty.
if [[ -n ${_CRONY_GROUP_FD-} ]]; then
    { echo 0 >&"$_CRONY_GROUP_FD"; } 2>/dev/null || true
    exec {_CRONY_GROUP_FD}>&-
    unset _CRONY_GROUP_FD
fi

# The environment that presets left, then the job's own, which has the last word.
if [[ -n ${_CRONY_ENV-} ]]; then
    set -a
    eval "$_CRONY_ENV"
    set +a
    unset _CRONY_ENV
fi

# The exit status, for an agent that is not this process's parent: it was restarted meanwhile.
# The other traps make an end by signal an exit with its number: left alone, bash would run the EXIT
# trap with the status of whatever command came before, often 0.
if [[ -n ${_CRONY_JOURNAL_FD-} ]]; then
    # shellcheck disable=SC2064 # expanded now: the command may change these
    trap "echo '{\"left\":{\"attempt\":$CRONY_ATTEMPT,\"status\":'\$?'}}' >&$_CRONY_JOURNAL_FD" EXIT
    trap 'exit 129' HUP
    trap 'exit 130' INT
    trap 'exit 131' QUIT
    trap 'exit 138' USR1
    trap 'exit 140' USR2
    trap 'exit 141' PIPE
    trap 'exit 142' ALRM
    trap 'exit 143' TERM
    unset _CRONY_JOURNAL_FD
fi

# A run that must not outlive its agent: the agent alone holds the other end of this pipe, so an
# end of file means that it is gone, and all of the session goes with it. A parent-death signal
# would reach this one process and leave its children running. The extra subshell keeps this one
# from being an unexpected child of whatever the command may exec.
if [[ -n ${_CRONY_LIFE_FD-} ]]; then
    (
        (
            trap '' TERM INT HUP
            read -r -u "$_CRONY_LIFE_FD" && exit 0
            [[ -z ${_CRONY_KILL_FD-} ]] || { echo 1 >&"$_CRONY_KILL_FD"; } 2>/dev/null || true
            for stat in /proc/[0-9]*/stat; do
                { read -r line <"$stat"; } 2>/dev/null || continue
                pid=${stat//[!0-9]/}
                # shellcheck disable=SC2086 # split into the fields after the command's name
                set -- ${line##*) }
                [[ $4 != "$$" || $pid == "$BASHPID" ]] || kill -KILL "$pid" 2>/dev/null || true
            done
            kill -KILL 0
        ) &
    )
    exec {_CRONY_LIFE_FD}<&-
    unset _CRONY_LIFE_FD
    if [[ -n ${_CRONY_KILL_FD-} ]]; then
        exec {_CRONY_KILL_FD}>&-
        unset _CRONY_KILL_FD
    fi
fi

# By the run itself: a folder may be there for its user only, and may hang whoever enters it.
if [[ -n ${_CRONY_WORKDIR-} ]]; then
    cd -- "$_CRONY_WORKDIR" 2>/dev/null || {
        said=$(cd -- "$_CRONY_WORKDIR" 2>&1) || true
        echo "the workdir $_CRONY_WORKDIR can't be entered${USER:+ by $USER}: ${said##*: }" >&2
        exit 126
    }
    unset OLDPWD _CRONY_WORKDIR
fi
