# Completion of triggerctl for bash: its commands, the endpoints of this host, and as root their requests.

_triggerctl_names() {
  (cd /etc/trigger 2>/dev/null && printf '%s\n' *.json) | sed -n 's/^\([a-z][a-z0-9-]*\)\.json$/\1/p'
}

_triggerctl_requests() { # endpoint
  triggerctl runs --json "$1" 2>/dev/null | sed -n 's/^  "id": "\(.*\)",$/\1/p'
}

# Of a parameter its choices; without one, the names of all parameters. The file is the endpoint's configuration.
_triggerctl_parameters() { # endpoint [parameter]
  /usr/bin/python3 -IS -c '
import json, sys
with open("/etc/trigger/%s.json" % sys.argv[1], encoding="utf-8") as file:
    for each in json.load(file)["parameters"] or ():
        if len(sys.argv) == 2:
            print(each["name"] + "=")
        elif each["name"] == sys.argv[2]:
            boolean = ["true", "false"] if each["type"] == "boolean" else []
            print("\n".join(each["choices"] or boolean))
' "$@" 2>/dev/null
}

_triggerctl() {
  local word=${COMP_WORDS[COMP_CWORD]} previous=${COMP_WORDS[COMP_CWORD - 1]}
  local command=${COMP_WORDS[1]} name='' options='--help --json' i parameter='' choice
  COMPREPLY=()

  if ((COMP_CWORD == 1)); then
    mapfile -t COMPREPLY < <(compgen -W 'list show runs logs fire cancel drain pause resume doctor --help --version' -- "$word")
    return
  fi
  case $command in
    runs) options+=' --limit' ;;
    logs) options+=' --follow --lines --all' ;;
    fire) options+=' --param --body --content-type --wait' ;;
  esac
  # bash takes each = and : for a word of its own.
  for ((i = 2; i < COMP_CWORD; i++)); do
    case ${COMP_WORDS[i]} in
      --limit | --lines | -n | --body | --content-type | -p | --param | --wait)
        [[ ${COMP_WORDS[i + 1]} == = ]] || ((i++)) # its value
        ;;
      [=:]) ((i++)) ;;
      -*) ;;
      *) name=${COMP_WORDS[i]}; break ;;
    esac
  done
  if [[ $word == = ]]; then
    parameter=$previous previous='=' word=''
  elif [[ $previous == = ]]; then
    parameter=${COMP_WORDS[COMP_CWORD - 2]}
  fi
  case $previous in
    --body)
      mapfile -t COMPREPLY < <(compgen -f -- "$word")
      compopt -o filenames 2>/dev/null
      return
      ;;
    -p | --param)
      mapfile -t COMPREPLY < <(compgen -W "$(_triggerctl_parameters "$name")" -- "$word")
      compopt -o nospace 2>/dev/null
      return
      ;;
    =)
      # compgen would expand what stands in a choice.
      while IFS= read -r choice; do
        [[ $choice != "$word"* ]] || COMPREPLY+=("$(printf %q "$choice")")
      done < <(_triggerctl_parameters "$name" "$parameter")
      return
      ;;
    --limit | --lines | -n | --content-type | --wait) return ;;
  esac
  if [[ $word == -* ]]; then
    mapfile -t COMPREPLY < <(compgen -W "$options" -- "$word")
    return
  fi

  if [[ -z $name ]]; then
    [[ $command == list ]] ||
      mapfile -t COMPREPLY < <(compgen -W "$(_triggerctl_names)" -- "$word")
  elif [[ $command == cancel || $command == logs ]]; then
    mapfile -t COMPREPLY < <(compgen -W "last $(_triggerctl_requests "$name")" -- "$word")
  elif [[ $command == show || $command == pause || $command == resume || $command == drain ]]; then
    mapfile -t COMPREPLY < <(compgen -W "$(_triggerctl_names)" -- "$word")
  fi
}

complete -F _triggerctl triggerctl
