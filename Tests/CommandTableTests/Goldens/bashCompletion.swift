// swift-format-ignore-file

extension Golden {
  static let bashCompletion = ##"""
# bash completion for chat, drawn from its table of commands.

# Moves to the command that the word selects.
_chat_enter() {
  case "$place:$1" in
    ':serve') place='serve' ;;
    ':token') place='token' ;;
    ':publish') place='publish' ;;
    ':completion') place='completion' ;;
    ':help') place='help' ;;
    'token:subscribe') place='token subscribe' ;;
    'token:inspect') place='token inspect' ;;
    'token:help') place='help token' ;;
    'help:serve') place='help serve' ;;
    'help:token') place='help token' ;;
    'help:publish') place='help publish' ;;
    'help:completion') place='help completion' ;;
    'help token:subscribe') place='help token subscribe' ;;
    'help token:inspect') place='help token inspect' ;;
    *) return 1 ;;
  esac
}

# Notes the option that the next word is the value of.
_chat_await() {
  case "$place:$1" in
    'serve:--host') awaiting=--host ;;
    'serve:-p' | 'serve:--port') awaiting=--port ;;
    'serve:--workers') awaiting=--workers ;;
    'serve:-k' | 'serve:--public-key') awaiting=--public-key ;;
    'serve:--history-size') awaiting=--history-size ;;
    'serve:--history-ttl') awaiting=--history-ttl ;;
    'serve:--log-format' | 'serve:--log-style') awaiting=--log-format ;;
    'serve:--admin') awaiting=--admin ;;
    'serve:--fault') awaiting=--fault ;;
    'token subscribe:-k' | 'token subscribe:--key') awaiting=--key ;;
    'token subscribe:-t' | 'token subscribe:--ttl') awaiting=--ttl ;;
    'token subscribe:--subject') awaiting=--subject ;;
    'token inspect:-k' | 'token inspect:--public-key') awaiting=--public-key ;;
    'publish:--token') awaiting=--token ;;
    'publish:--mint') awaiting=--mint ;;
    'publish:--timeout') awaiting=--timeout ;;
    'completion:--out-dir') awaiting=--out-dir ;;
    *) return 1 ;;
  esac
}

# Offers the values of an option.
_chat_values() {
  case "$place:$1" in
    'serve:--public-key') compopt -o default ;;
    'serve:--log-format') words='text json' ;;
    'token subscribe:--key') compopt -o default ;;
    'token inspect:--public-key') compopt -o default ;;
    'publish:--mint') compopt -o default ;;
    'completion:--out-dir') compopt -o dirnames ;;
  esac
}

# Offers the positional arguments; $1 is how many came before.
_chat_arguments() {
  case "$place:$1" in
    'completion:0') words='bash zsh fish' ;;
    'completion:1') compopt -o default ;;
  esac
}

# Offers the options or, without a dash, the commands.
_chat_words() {
  case "$place:$1" in
    ':-') words='-h --help -V --version' ;;
    ':') words='serve token publish completion help' ;;
    'serve:-') words='--host -p --port --workers -k --public-key --history-size --history-ttl --log-format --color --no-color --admin -h --help -V --version' ;;
    'token:-') words='-h --help -V --version' ;;
    'token:') words='subscribe inspect help' ;;
    'token subscribe:-') words='-k --key -t --ttl --subject -h --help -V --version' ;;
    'token inspect:-') words='-k --public-key -h --help -V --version' ;;
    'publish:-') words='--token --mint --timeout -q --quiet -j --json -h --help -V --version' ;;
    'completion:-') words='--out-dir -h --help -V --version' ;;
    'help:-') words='-h --help -V --version' ;;
    'help:') words='serve token publish completion' ;;
    'help token:-') words='-h --help -V --version' ;;
    'help token:') words='subscribe inspect' ;;
  esac
}

_chat() {
  local current=${COMP_WORDS[COMP_CWORD]} place= awaiting= ended= words= prefix= count=0 word i j
  COMPREPLY=()
  for ((i = 1; i < COMP_CWORD; i++)); do
    word=${COMP_WORDS[i]}
    if [[ -n $awaiting ]]; then
      # Readline parts words at '=' too.
      [[ $word == '=' ]] || awaiting=
    elif [[ -z $ended && $word == -- ]]; then
      ended=1
    elif [[ -z $ended && $word == --* ]]; then
      _chat_await "$word"
    elif [[ -z $ended && $word == -?* ]]; then
      for ((j = 1; j < ${#word}; j++)); do
        if _chat_await "-${word:j:1}"; then
          ((j == ${#word} - 1)) || awaiting=
          break
        fi
      done
    elif ! _chat_enter "$word"; then
      ((count++))
    fi
  done
  if [[ -z $awaiting && -z $ended && $current == --*=* ]]; then
    prefix=${current%%=*}=
    _chat_await "${current%%=*}"
    current=${current#*=}
  elif [[ $current == '=' ]]; then
    current=
  fi
  if [[ -n $awaiting ]]; then
    _chat_values "$awaiting"
  elif [[ -z $ended && $current == -* ]]; then
    _chat_words -
  else
    _chat_words ''
    [[ -n $words ]] || _chat_arguments "$count"
  fi
  if [[ -n $words ]]; then
    mapfile -t COMPREPLY < <(compgen -P "$prefix" -W "$words" -- "$current")
  fi
}

complete -F _chat chat

"""##
}
