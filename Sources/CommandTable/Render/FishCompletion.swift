/// The completion script for fish: a function that tells the place, and one `complete` a spelling.
struct FishCompletion {
  let tree: CompletionTree

  var script: String {
    let completions = tree.nodes.flatMap(lines).joined(separator: "\n")
    return """
      # fish completion for \(tree.program), drawn from its table of commands.

      # Prints the command that the words before the cursor select.
      function \(function)_place
          set -l place ''
          set -l awaiting ''
          for word in (commandline -opc)[2..-1]
              if test -n "$awaiting"
                  set awaiting ''
                  continue
              end
              switch "$place:$word"
      \(arms.joined(separator: "\n"))
              end
          end
          echo "$place"
      end

      function \(function)_at
          test (\(function)_place) = "$argv"
      end

      complete -c \(tree.program) -f
      \(completions)

      """
  }

  private var function: String { "__" + tree.identifier }

  private var arms: [String] {
    tree.nodes.flatMap { node in
      let commands = node.commands.map { command in
        arm([command.name], of: node, "set place \(quoted(command.target.joined(separator: " ")))")
      }
      return commands + node.valueOptions.map { arm($0.valueSpellings, of: node, "set awaiting 1") }
    }
  }

  private func arm(_ words: [String], of node: CompletionTree.Node, _ command: String) -> String {
    let patterns = words.map { quoted("\(node.place):\($0)") }.joined(separator: " ")
    return "            case \(patterns)\n                \(command)"
  }

  private func lines(_ node: CompletionTree.Node) -> [String] {
    let start = "complete -c \(tree.program) -n \(quoted("\(function)_at \(quoted(node.place))"))"
    let commands = node.commands.map { "\(start) -a \($0.name) -d \(quoted($0.summary))" }
    let arguments = node.arguments.compactMap { argument in
      offer(argument.completion, isValue: false).map { "\(start) \($0)" }
    }
    return commands + arguments + node.shownOptions.flatMap { option in spellings(option).map { "\(start) \($0)" } }
  }

  private func spellings(_ option: OptionFacts) -> [String] {
    let value = option.takesValue ? " " + (offer(option.completion, isValue: true) ?? "-x") : ""
    let short = option.short.map { "-s \($0) " } ?? ""
    return option.shownSpellings.enumerated().map { index, spelling in
      "\(index == 0 ? short : "")-l \(spelling.dropFirst(2))\(value) -d \(quoted(option.help))"
    }
  }

  private func offer(_ completion: CompletionHint, isValue: Bool) -> String? {
    let required = isValue ? "-x " : ""
    return switch completion {
    case .none: nil
    case .file: isValue ? "-r -F" : "-F"
    case .directory: required + "-a '(__fish_complete_directories)'"
    case .choices(let choices): required + "-a " + quoted(choices.joined(separator: " "))
    }
  }

  /// Between single quotes, in which fish knows two escapes.
  private func quoted(_ text: String) -> String { "'" + text.escaping("\\'") + "'" }
}
