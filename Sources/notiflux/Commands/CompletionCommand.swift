import CommandTable

/// `notiflux completion`: prints the script that completes notiflux's command lines in a shell.
enum CompletionCommand {
  static let shell = Argument("SHELL", .choice(of: Shell.self), help: "The shell to complete in")

  static let command: Command = Command(
    "completion", summary: "Print a completion script for a shell", arguments: [shell],
    examples: [
      Example("notiflux completion bash > /etc/bash_completion.d/notiflux", "For all users of bash."),
      Example("notiflux completion zsh > ~/.zfunc/_notiflux", "For zsh, with ~/.zfunc in fpath."),
      Example("notiflux completion fish > ~/.config/fish/completions/notiflux.fish", "For fish."),
    ]
  ) { settings in
    try StandardStream.output.write(Commands.program.completions(for: settings[shell]))
    return .success
  }
}
