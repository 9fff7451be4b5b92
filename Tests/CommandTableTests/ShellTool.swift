import Foundation

/// Programs of the machine that judge what we draw: shells and roff formatters.
enum ShellTool {
  /// The path of a program on `PATH`; nil when it is not installed.
  static func find(_ name: String) -> String? {
    let folders = (ProcessInfo.processInfo.environment["PATH"] ?? "").split(separator: ":")
    return folders.map { "\($0)/\(name)" }.first { FileManager.default.isExecutableFile(atPath: $0) }
  }

  /// Runs a program with a text on its standard input; what it writes to either output comes back.
  static func run(_ name: String, _ arguments: [String], input: String = "") throws -> (output: String, status: Int32) {
    guard let path = find(name) else { throw CocoaError(.fileNoSuchFile) }
    let file = FileManager.default.temporaryDirectory.appendingPathComponent("command-table-\(UUID().uuidString)")
    try input.write(to: file, atomically: true, encoding: .utf8)
    defer { try? FileManager.default.removeItem(at: file) }
    let process = Process()
    let output = Pipe()
    process.executableURL = URL(fileURLWithPath: path)
    process.arguments = arguments
    process.standardInput = try FileHandle(forReadingFrom: file)
    process.standardOutput = output
    process.standardError = output
    try process.run()
    let data = output.fileHandleForReading.readDataToEndOfFile()
    process.waitUntilExit()
    return (String(decoding: data, as: UTF8.self), process.terminationStatus)
  }
}
