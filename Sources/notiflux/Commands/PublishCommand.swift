import CommandTable

enum PublishCommand { static let command: Command = Command("publish", summary: "Publish messages") { _ in .failure } }
