// swift-format-ignore-file

extension Golden {
  static let helpOfSubscribe = ##"""
Make a token to listen with

Usage: chat token subscribe [OPTIONS] --key FILE TOPIC...

Arguments:
  TOPIC...  The topics it is good for.
            A topic holds no blank.

Options:
  -k, --key FILE      Sign with the private key in FILE
                      [required] [env: CHAT_KEY]
  -t, --ttl TIME      Let the token live for TIME
                      [accepts a duration such as 500ms, 15s, 5m or 1h]
                      [default: 60s]
      --subject NAME  Name the bearer
  -h, --help          Print help: -h in short, --help in full
  -V, --version       Print the version

Examples:
  A token for one topic.
      chat token subscribe --key k.pem news

"""##
}
