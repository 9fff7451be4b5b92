/// The completion script for bash 4 and later, without the bash-completion package.
///
/// It walks the words before the cursor to learn the place, the number of positionals and the option that waits for
/// its value; then it offers what may stand there.
struct BashCompletion {
  let tree: CompletionTree

  var script: String {
    """
    # bash completion for \(tree.program), drawn from its table of commands.

    # Moves to the command that the word selects.
    \(function)_enter() {
      case "$place:$1" in
    \(transitions)
        *) return 1 ;;
      esac
    }

    # Notes the option that the next word is the value of.
    \(function)_await() {
      case "$place:$1" in
    \(valueOptions)
        *) return 1 ;;
      esac
    }

    # Offers the values of an option.
    \(function)_values() {
      case "$place:$1" in
    \(values)
      esac
    }

    # Offers the positional arguments; $1 is how many came before.
    \(function)_arguments() {
      case "$place:$1" in
    \(arguments)
      esac
    }

    # Offers the options or, without a dash, the commands.
    \(function)_words() {
      case "$place:$1" in
    \(words)
      esac
    }

    \(function)() {
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
          \(function)_await "$word"
        elif [[ -z $ended && $word == -?* ]]; then
          for ((j = 1; j < ${#word}; j++)); do
            if \(function)_await "-${word:j:1}"; then
              ((j == ${#word} - 1)) || awaiting=
              break
            fi
          done
        elif ! \(function)_enter "$word"; then
          ((count++))
        fi
      done
      if [[ -z $awaiting && -z $ended && $current == --*=* ]]; then
        prefix=${current%%=*}=
        \(function)_await "${current%%=*}"
        current=${current#*=}
      elif [[ $current == '=' ]]; then
        current=
      fi
      if [[ -n $awaiting ]]; then
        \(function)_values "$awaiting"
      elif [[ -z $ended && $current == -* ]]; then
        \(function)_words -
      else
        \(function)_words ''
        [[ -n $words ]] || \(function)_arguments "$count"
      fi
      if [[ -n $words ]]; then
        mapfile -t COMPREPLY < <(compgen -P "$prefix" -W "$words" -- "$current")
      fi
    }

    complete -F \(function) \(tree.program)

    """
  }

  private var function: String { "_" + tree.identifier }

  /// One arm of a `case`, on a line of its own.
  private func arm(_ patterns: [String], _ command: String) -> String {
    "    \(patterns.joined(separator: " | "))) \(command) ;;"
  }

  private func key(_ node: CompletionTree.Node, _ word: String) -> String { "\(node.place):\(word)".shellQuoted }

  private var transitions: String {
    tree.nodes.flatMap { node in
      node.commands.map { command in
        arm([key(node, command.name)], "place=" + command.target.joined(separator: " ").shellQuoted)
      }
    }.joined(separator: "\n")
  }

  private var valueOptions: String {
    lines { node in
      node.valueOptions.map { option in
        arm(option.valueSpellings.map { key(node, $0) }, "awaiting=\(option.title)")
      }
    }
  }

  private var values: String {
    lines { node in
      node.valueOptions.compactMap { option in
        offer(option.completion).map { arm([key(node, option.title)], $0) }
      }
    }
  }

  private var arguments: String {
    lines { node in
      node.arguments.enumerated().compactMap { index, argument in
        let pattern = argument.isRepeated ? key(node, "") + "*" : key(node, "\(index)")
        return offer(argument.completion).map { arm([pattern], $0) }
      }
    }
  }

  private var words: String {
    lines { node in
      let options = node.shownOptions.flatMap(\.offeredSpellings).joined(separator: " ")
      let commands = node.commands.map(\.name).joined(separator: " ")
      return [arm([key(node, "-")], "words=" + options.shellQuoted)]
        + (commands.isEmpty ? [] : [arm([key(node, "")], "words=" + commands.shellQuoted)])
    }
  }

  private func lines(_ arms: (CompletionTree.Node) -> [String]) -> String {
    let lines = tree.nodes.flatMap(arms)
    return lines.isEmpty ? "    *) ;;" : lines.joined(separator: "\n")
  }

  /// Files and directories are left to readline, which knows how to quote them.
  private func offer(_ completion: CompletionHint) -> String? {
    switch completion {
    case .none: nil
    case .file: "compopt -o default"
    case .directory: "compopt -o dirnames"
    case .choices(let choices): "words=" + choices.joined(separator: " ").shellQuoted
    }
  }
}
