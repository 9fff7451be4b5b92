// swift-format-ignore-file

extension Golden {
  static let fishCompletion = ##"""
# fish completion for chat, drawn from its table of commands.

# Prints the command that the words before the cursor select.
function __chat_place
    set -l place ''
    set -l awaiting ''
    for word in (commandline -opc)[2..-1]
        if test -n "$awaiting"
            set awaiting ''
            continue
        end
        switch "$place:$word"
            case ':serve'
                set place 'serve'
            case ':token'
                set place 'token'
            case ':publish'
                set place 'publish'
            case ':completion'
                set place 'completion'
            case ':help'
                set place 'help'
            case 'serve:--host'
                set awaiting 1
            case 'serve:-p' 'serve:--port'
                set awaiting 1
            case 'serve:--workers'
                set awaiting 1
            case 'serve:-k' 'serve:--public-key'
                set awaiting 1
            case 'serve:--history-size'
                set awaiting 1
            case 'serve:--history-ttl'
                set awaiting 1
            case 'serve:--log-format' 'serve:--log-style'
                set awaiting 1
            case 'serve:--admin'
                set awaiting 1
            case 'serve:--fault'
                set awaiting 1
            case 'token:subscribe'
                set place 'token subscribe'
            case 'token:inspect'
                set place 'token inspect'
            case 'token:help'
                set place 'help token'
            case 'token subscribe:-k' 'token subscribe:--key'
                set awaiting 1
            case 'token subscribe:-t' 'token subscribe:--ttl'
                set awaiting 1
            case 'token subscribe:--subject'
                set awaiting 1
            case 'token inspect:-k' 'token inspect:--public-key'
                set awaiting 1
            case 'publish:--token'
                set awaiting 1
            case 'publish:--mint'
                set awaiting 1
            case 'publish:--timeout'
                set awaiting 1
            case 'completion:--out-dir'
                set awaiting 1
            case 'help:serve'
                set place 'help serve'
            case 'help:token'
                set place 'help token'
            case 'help:publish'
                set place 'help publish'
            case 'help:completion'
                set place 'help completion'
            case 'help token:subscribe'
                set place 'help token subscribe'
            case 'help token:inspect'
                set place 'help token inspect'
        end
    end
    echo "$place"
end

function __chat_at
    test (__chat_place) = "$argv"
end

complete -c chat -f
complete -c chat -n '__chat_at \'\'' -a serve -d 'Run the server'
complete -c chat -n '__chat_at \'\'' -a token -d 'Make and inspect tokens'
complete -c chat -n '__chat_at \'\'' -a publish -d 'Send a message'
complete -c chat -n '__chat_at \'\'' -a completion -d 'Print a completion script'
complete -c chat -n '__chat_at \'\'' -a help -d 'Print help for a command'
complete -c chat -n '__chat_at \'\'' -s h -l help -d 'Print help: -h in short, --help in full'
complete -c chat -n '__chat_at \'\'' -s V -l version -d 'Print the version'
complete -c chat -n '__chat_at \'serve\'' -l host -x -d 'Listen on HOST'
complete -c chat -n '__chat_at \'serve\'' -s p -l port -x -d 'Listen on PORT; 0 takes a free one'
complete -c chat -n '__chat_at \'serve\'' -l workers -x -d 'Run N event loops'
complete -c chat -n '__chat_at \'serve\'' -s k -l public-key -r -F -d 'Trust the public key in FILE'
complete -c chat -n '__chat_at \'serve\'' -l history-size -x -d 'Keep at most SIZE of messages'
complete -c chat -n '__chat_at \'serve\'' -l history-ttl -x -d 'Keep messages for TIME'
complete -c chat -n '__chat_at \'serve\'' -l log-format -x -a 'text json' -d 'Write logs as text or as JSON'
complete -c chat -n '__chat_at \'serve\'' -l color -d 'Colour the log'
complete -c chat -n '__chat_at \'serve\'' -l no-color -d 'Colour the log'
complete -c chat -n '__chat_at \'serve\'' -l admin -x -d 'Serve metrics on another address'
complete -c chat -n '__chat_at \'serve\'' -s h -l help -d 'Print help: -h in short, --help in full'
complete -c chat -n '__chat_at \'serve\'' -s V -l version -d 'Print the version'
complete -c chat -n '__chat_at \'token\'' -a subscribe -d 'Make a token to listen with'
complete -c chat -n '__chat_at \'token\'' -a inspect -d 'Show what a token says'
complete -c chat -n '__chat_at \'token\'' -a help -d 'Print help for a command'
complete -c chat -n '__chat_at \'token\'' -s h -l help -d 'Print help: -h in short, --help in full'
complete -c chat -n '__chat_at \'token\'' -s V -l version -d 'Print the version'
complete -c chat -n '__chat_at \'token subscribe\'' -s k -l key -r -F -d 'Sign with the private key in FILE'
complete -c chat -n '__chat_at \'token subscribe\'' -s t -l ttl -x -d 'Let the token live for TIME'
complete -c chat -n '__chat_at \'token subscribe\'' -l subject -x -d 'Name the bearer'
complete -c chat -n '__chat_at \'token subscribe\'' -s h -l help -d 'Print help: -h in short, --help in full'
complete -c chat -n '__chat_at \'token subscribe\'' -s V -l version -d 'Print the version'
complete -c chat -n '__chat_at \'token inspect\'' -s k -l public-key -r -F -d 'Trust the public key in FILE'
complete -c chat -n '__chat_at \'token inspect\'' -s h -l help -d 'Print help: -h in short, --help in full'
complete -c chat -n '__chat_at \'token inspect\'' -s V -l version -d 'Print the version'
complete -c chat -n '__chat_at \'publish\'' -l token -x -d 'Show TOKEN'
complete -c chat -n '__chat_at \'publish\'' -l mint -r -F -d 'Make a token with the key in FILE'
complete -c chat -n '__chat_at \'publish\'' -l timeout -x -d 'Give up after TIME'
complete -c chat -n '__chat_at \'publish\'' -s q -l quiet -d 'Say nothing'
complete -c chat -n '__chat_at \'publish\'' -s j -l json -d 'Write one JSON object a line'
complete -c chat -n '__chat_at \'publish\'' -s h -l help -d 'Print help: -h in short, --help in full'
complete -c chat -n '__chat_at \'publish\'' -s V -l version -d 'Print the version'
complete -c chat -n '__chat_at \'completion\'' -a 'bash zsh fish'
complete -c chat -n '__chat_at \'completion\'' -F
complete -c chat -n '__chat_at \'completion\'' -l out-dir -x -a '(__fish_complete_directories)' -d 'Write into DIR'
complete -c chat -n '__chat_at \'completion\'' -s h -l help -d 'Print help: -h in short, --help in full'
complete -c chat -n '__chat_at \'completion\'' -s V -l version -d 'Print the version'
complete -c chat -n '__chat_at \'help\'' -a serve -d 'Run the server'
complete -c chat -n '__chat_at \'help\'' -a token -d 'Make and inspect tokens'
complete -c chat -n '__chat_at \'help\'' -a publish -d 'Send a message'
complete -c chat -n '__chat_at \'help\'' -a completion -d 'Print a completion script'
complete -c chat -n '__chat_at \'help\'' -s h -l help -d 'Print help: -h in short, --help in full'
complete -c chat -n '__chat_at \'help\'' -s V -l version -d 'Print the version'
complete -c chat -n '__chat_at \'help token\'' -a subscribe -d 'Make a token to listen with'
complete -c chat -n '__chat_at \'help token\'' -a inspect -d 'Show what a token says'
complete -c chat -n '__chat_at \'help token\'' -s h -l help -d 'Print help: -h in short, --help in full'
complete -c chat -n '__chat_at \'help token\'' -s V -l version -d 'Print the version'

"""##
}
