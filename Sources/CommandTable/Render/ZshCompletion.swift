/// The completion script for zsh: one function a command, each a call of `_arguments`.
struct ZshCompletion {
  let tree: CompletionTree

  var script: String {
    let functions = tree.nodes.map(function).joined(separator: "\n")
    return """
      #compdef \(tree.program)
      # zsh completion for \(tree.program), drawn from its table of commands.

      \(functions)
      if [[ $funcstack[1] == \(name(of: [])) ]]; then
        \(name(of: [])) "$@"
      else
        compdef \(name(of: [])) \(tree.program)
      fi

      """
  }

  private func name(of words: [String]) -> String {
    "_" + ([tree.program] + words).map(CompletionTree.identifier).joined(separator: "__")
  }

  private func function(_ node: CompletionTree.Node) -> String {
    let options = node.shownOptions.flatMap(optionSpecs)
    return node.commands.isEmpty ? leaf(node, options) : branch(node, options)
  }

  /// A command with arguments of its own.
  private func leaf(_ node: CompletionTree.Node, _ options: [String]) -> String {
    let specs = options + node.arguments.map(argumentSpec)
    return """
      \(name(of: node.words))() {
        _arguments -s -S \\
      \(specs.map { "    " + $0 }.joined(separator: " \\\n"))
      }

      """
  }

  /// A command that is followed by another.
  private func branch(_ node: CompletionTree.Node, _ options: [String]) -> String {
    let function = name(of: node.words)
    let specs = options + ["'1:command:\(function)_commands'", "'*::argument:->rest'"]
    let commands = node.commands.map { "    " + "\($0.name):\($0.summary.escaping("\\:"))".shellQuoted }
    let arms = node.commands.filter { tree.hasNode($0.target) }
      .map { "        \($0.name)) \(name(of: $0.target)) && ret=0 ;;" }
    return """
      \(function)_commands() {
        local -a commands=(
      \(commands.joined(separator: "\n"))
        )
        _describe -t commands \("\(([tree.program] + node.words).joined(separator: " ")) command".shellQuoted) commands
      }

      \(function)() {
        local curcontext="$curcontext" state line ret=1
        typeset -A opt_args
        _arguments -C -s -S \\
      \(specs.map { "    " + $0 }.joined(separator: " \\\n")) && ret=0
        if [[ $state == rest ]]; then
          case $line[1] in
      \((arms.isEmpty ? ["        *) ;;"] : arms).joined(separator: "\n"))
          esac
        fi
        return ret
      }

      """
  }

  /// One spec a spelling; those of a row that counts once exclude each other.
  private func optionSpecs(_ option: OptionFacts) -> [String] {
    let spellings = option.offeredSpellings
    let help = "[\(option.help.escaping("\\[]:"))]"
    let others =
      option.arity == .repeatable ? "*" : spellings.count > 1 ? "(\(spellings.joined(separator: " ")))" : ""
    return spellings.map { spelling in
      // `+`: the value may stand in the same word; `=`: behind an equals sign.
      let joint = option.takesValue ? (spelling.utf8.starts(with: "--".utf8) ? "=" : "+") : ""
      let value = option.takesValue ? ":\(option.placeholder.escaping("\\:")):\(action(option.completion))" : ""
      return "\(others)\(spelling)\(joint)\(help)\(value)".shellQuoted
    }
  }

  private func argumentSpec(_ argument: ArgumentFacts) -> String {
    let start = argument.isRepeated ? "*:" : argument.isRequired ? ":" : "::"
    return "\(start)\(argument.name.escaping("\\:")):\(action(argument.completion))".shellQuoted
  }

  private func action(_ completion: CompletionHint) -> String {
    switch completion {
    case .none: " "
    case .file: "_files"
    case .directory: "_files -/"
    case .choices(let choices): "(" + choices.map { $0.escaping("\\ ():'\"$`") }.joined(separator: " ") + ")"
    }
  }
}
