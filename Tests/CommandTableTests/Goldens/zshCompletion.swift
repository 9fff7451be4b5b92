// swift-format-ignore-file

extension Golden {
  static let zshCompletion = ##"""
#compdef chat
# zsh completion for chat, drawn from its table of commands.

_chat_commands() {
  local -a commands=(
    'serve:Run the server'
    'token:Make and inspect tokens'
    'publish:Send a message'
    'completion:Print a completion script'
    'help:Print help for a command'
  )
  _describe -t commands 'chat command' commands
}

_chat() {
  local curcontext="$curcontext" state line ret=1
  typeset -A opt_args
  _arguments -C -s -S \
    '(-h --help)-h[Print help\: -h in short, --help in full]' \
    '(-h --help)--help[Print help\: -h in short, --help in full]' \
    '(-V --version)-V[Print the version]' \
    '(-V --version)--version[Print the version]' \
    '1:command:_chat_commands' \
    '*::argument:->rest' && ret=0
  if [[ $state == rest ]]; then
    case $line[1] in
        serve) _chat__serve && ret=0 ;;
        token) _chat__token && ret=0 ;;
        publish) _chat__publish && ret=0 ;;
        completion) _chat__completion && ret=0 ;;
        help) _chat__help && ret=0 ;;
    esac
  fi
  return ret
}

_chat__serve() {
  _arguments -s -S \
    '--host=[Listen on HOST]:HOST: ' \
    '(-p --port)-p+[Listen on PORT; 0 takes a free one]:PORT: ' \
    '(-p --port)--port=[Listen on PORT; 0 takes a free one]:PORT: ' \
    '--workers=[Run N event loops]:N: ' \
    '*-k+[Trust the public key in FILE]:FILE:_files' \
    '*--public-key=[Trust the public key in FILE]:FILE:_files' \
    '--history-size=[Keep at most SIZE of messages]:SIZE: ' \
    '--history-ttl=[Keep messages for TIME]:TIME: ' \
    '--log-format=[Write logs as text or as JSON]:text|json:(text json)' \
    '(--color --no-color)--color[Colour the log]' \
    '(--color --no-color)--no-color[Colour the log]' \
    '--admin=[Serve metrics on another address]:HOST\:PORT: ' \
    '(-h --help)-h[Print help\: -h in short, --help in full]' \
    '(-h --help)--help[Print help\: -h in short, --help in full]' \
    '(-V --version)-V[Print the version]' \
    '(-V --version)--version[Print the version]'
}

_chat__token_commands() {
  local -a commands=(
    'subscribe:Make a token to listen with'
    'inspect:Show what a token says'
    'help:Print help for a command'
  )
  _describe -t commands 'chat token command' commands
}

_chat__token() {
  local curcontext="$curcontext" state line ret=1
  typeset -A opt_args
  _arguments -C -s -S \
    '(-h --help)-h[Print help\: -h in short, --help in full]' \
    '(-h --help)--help[Print help\: -h in short, --help in full]' \
    '(-V --version)-V[Print the version]' \
    '(-V --version)--version[Print the version]' \
    '1:command:_chat__token_commands' \
    '*::argument:->rest' && ret=0
  if [[ $state == rest ]]; then
    case $line[1] in
        subscribe) _chat__token__subscribe && ret=0 ;;
        inspect) _chat__token__inspect && ret=0 ;;
        help) _chat__help__token && ret=0 ;;
    esac
  fi
  return ret
}

_chat__token__subscribe() {
  _arguments -s -S \
    '(-k --key)-k+[Sign with the private key in FILE]:FILE:_files' \
    '(-k --key)--key=[Sign with the private key in FILE]:FILE:_files' \
    '(-t --ttl)-t+[Let the token live for TIME]:TIME: ' \
    '(-t --ttl)--ttl=[Let the token live for TIME]:TIME: ' \
    '--subject=[Name the bearer]:NAME: ' \
    '(-h --help)-h[Print help\: -h in short, --help in full]' \
    '(-h --help)--help[Print help\: -h in short, --help in full]' \
    '(-V --version)-V[Print the version]' \
    '(-V --version)--version[Print the version]' \
    '*:TOPIC: '
}

_chat__token__inspect() {
  _arguments -s -S \
    '*-k+[Trust the public key in FILE]:FILE:_files' \
    '*--public-key=[Trust the public key in FILE]:FILE:_files' \
    '(-h --help)-h[Print help\: -h in short, --help in full]' \
    '(-h --help)--help[Print help\: -h in short, --help in full]' \
    '(-V --version)-V[Print the version]' \
    '(-V --version)--version[Print the version]' \
    '::TOKEN: '
}

_chat__publish() {
  _arguments -s -S \
    '--token=[Show TOKEN]:TOKEN: ' \
    '--mint=[Make a token with the key in FILE]:FILE:_files' \
    '--timeout=[Give up after TIME]:TIME: ' \
    '(-q --quiet)-q[Say nothing]' \
    '(-q --quiet)--quiet[Say nothing]' \
    '(-j --json)-j[Write one JSON object a line]' \
    '(-j --json)--json[Write one JSON object a line]' \
    '(-h --help)-h[Print help\: -h in short, --help in full]' \
    '(-h --help)--help[Print help\: -h in short, --help in full]' \
    '(-V --version)-V[Print the version]' \
    '(-V --version)--version[Print the version]' \
    ':TOPIC: ' \
    '::MESSAGE: '
}

_chat__completion() {
  _arguments -s -S \
    '--out-dir=[Write into DIR]:DIR:_files -/' \
    '(-h --help)-h[Print help\: -h in short, --help in full]' \
    '(-h --help)--help[Print help\: -h in short, --help in full]' \
    '(-V --version)-V[Print the version]' \
    '(-V --version)--version[Print the version]' \
    ':SHELL:(bash zsh fish)' \
    '::TARGET:_files'
}

_chat__help_commands() {
  local -a commands=(
    'serve:Run the server'
    'token:Make and inspect tokens'
    'publish:Send a message'
    'completion:Print a completion script'
  )
  _describe -t commands 'chat help command' commands
}

_chat__help() {
  local curcontext="$curcontext" state line ret=1
  typeset -A opt_args
  _arguments -C -s -S \
    '(-h --help)-h[Print help\: -h in short, --help in full]' \
    '(-h --help)--help[Print help\: -h in short, --help in full]' \
    '(-V --version)-V[Print the version]' \
    '(-V --version)--version[Print the version]' \
    '1:command:_chat__help_commands' \
    '*::argument:->rest' && ret=0
  if [[ $state == rest ]]; then
    case $line[1] in
        token) _chat__help__token && ret=0 ;;
    esac
  fi
  return ret
}

_chat__help__token_commands() {
  local -a commands=(
    'subscribe:Make a token to listen with'
    'inspect:Show what a token says'
  )
  _describe -t commands 'chat help token command' commands
}

_chat__help__token() {
  local curcontext="$curcontext" state line ret=1
  typeset -A opt_args
  _arguments -C -s -S \
    '(-h --help)-h[Print help\: -h in short, --help in full]' \
    '(-h --help)--help[Print help\: -h in short, --help in full]' \
    '(-V --version)-V[Print the version]' \
    '(-V --version)--version[Print the version]' \
    '1:command:_chat__help__token_commands' \
    '*::argument:->rest' && ret=0
  if [[ $state == rest ]]; then
    case $line[1] in
        *) ;;
    esac
  fi
  return ret
}

if [[ $funcstack[1] == _chat ]]; then
  _chat "$@"
else
  compdef _chat chat
fi

"""##
}
