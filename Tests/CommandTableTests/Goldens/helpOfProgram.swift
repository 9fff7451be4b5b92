// swift-format-ignore-file

extension Golden {
  static let helpOfProgram = ##"""
Talk over topics

Usage: chat COMMAND [OPTIONS] [ARGUMENTS]

It is small. It has one of everything, the C:\path of no one and an em dash —
too.

Commands:
  serve       Run the server
  token       Make and inspect tokens
  publish     Send a message
  completion  Print a completion script
  help        Print help for a command

Options:
  -h, --help     Print help: -h in short, --help in full
  -V, --version  Print the version

Environment:
  NO_COLOR   No colour, whatever it holds
  CHAT_HOME  Where it lives.

Exit status:
  0  Done
  1  Failed
  2  Bad usage

Examples:
  Run it.
      chat serve

Run chat help COMMAND to read more about a command.

"""##
}
