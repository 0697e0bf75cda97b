# Completion of triggerctl for bash: its commands, the endpoints of this host, and as root their requests.

_triggerctl_names() {
  (cd /etc/trigger 2>/dev/null && printf '%s\n' *.json) | sed -n 's/^\([a-z][a-z0-9-]*\)\.json$/\1/p'
}

_triggerctl_requests() { # endpoint
  triggerctl runs --json "$1" 2>/dev/null | sed -n 's/^  "id": "\(.*\)",$/\1/p'
}

_triggerctl() {
  local word=${COMP_WORDS[COMP_CWORD]} previous=${COMP_WORDS[COMP_CWORD - 1]}
  local command=${COMP_WORDS[1]} name='' options='--help --json' i
  COMPREPLY=()

  if ((COMP_CWORD == 1)); then
    mapfile -t COMPREPLY < <(compgen -W 'list show runs logs fire cancel drain pause resume doctor --help' -- "$word")
    return
  fi
  case $command in
    runs) options+=' --limit' ;;
    logs) options+=' --follow' ;;
    fire) options+=' --param --body --content-type --wait' ;;
  esac
  case $previous in
    --body)
      mapfile -t COMPREPLY < <(compgen -f -- "$word")
      compopt -o filenames 2>/dev/null
      return
      ;;
    --limit | --param | -p | --content-type | --wait) return ;;
  esac
  if [[ $word == -* ]]; then
    mapfile -t COMPREPLY < <(compgen -W "$options" -- "$word")
    return
  fi

  for ((i = 2; i < COMP_CWORD; i++)); do
    [[ ${COMP_WORDS[i]} == -* ]] || { name=${COMP_WORDS[i]}; break; }
  done
  if [[ -z $name ]]; then
    [[ $command == list ]] ||
      mapfile -t COMPREPLY < <(compgen -W "$(_triggerctl_names)" -- "$word")
  elif [[ $command == cancel || $command == logs ]]; then
    mapfile -t COMPREPLY < <(compgen -W "$(_triggerctl_requests "$name")" -- "$word")
  fi
}

complete -F _triggerctl triggerctl
