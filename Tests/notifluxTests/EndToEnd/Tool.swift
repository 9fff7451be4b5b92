import Foundation

/// The built binary, as a user runs it: in a directory of its own, with an environment that has nothing of ours in it.
struct Tool {
  struct Result {
    let status: Int32
    let output: String
    let errors: String

    var errorLines: [Substring] { errors.split(separator: "\n") }
  }

  let directory: URL

  /// Runs `body` with a directory that is gone afterwards.
  static func inTemporaryDirectory<Value>(_ body: (Tool) async throws -> Value) async throws -> Value {
    let directory = FileManager.default.temporaryDirectory.appendingPathComponent("notiflux-\(UUID().uuidString)")
    try FileManager.default.createDirectory(at: directory, withIntermediateDirectories: true)
    defer { try? FileManager.default.removeItem(at: directory) }
    return try await body(Tool(directory: directory))
  }

  /// It is built next to the tests.
  static let binary: URL = {
    let tests = URL(fileURLWithPath: "/proc/self/exe").resolvingSymlinksInPath()
    return tests.deletingLastPathComponent().appendingPathComponent("notiflux")
  }()

  func process(_ arguments: [String], environment: [String: String] = [:]) -> Process {
    let process = Process()
    process.executableURL = Self.binary
    process.arguments = arguments
    process.currentDirectoryURL = directory
    process.environment = environment.merging(["PATH": "/usr/bin:/bin"]) { given, _ in given }
    return process
  }

  func run(_ arguments: String..., input: String = "", environment: [String: String] = [:]) throws -> Result {
    try run(arguments, input: input, environment: environment)
  }

  /// Runs to the end. The outputs are small here: they fit into their pipes.
  func run(_ arguments: [String], input: String = "", environment: [String: String] = [:]) throws -> Result {
    let process = process(arguments, environment: environment)
    let (standardInput, output, errors) = (Pipe(), Pipe(), Pipe())
    process.standardInput = standardInput
    process.standardOutput = output
    process.standardError = errors
    try process.run()
    standardInput.fileHandleForWriting.write(Data(input.utf8))
    try standardInput.fileHandleForWriting.close()
    let outputData = output.fileHandleForReading.readDataToEndOfFile()
    let errorData = errors.fileHandleForReading.readDataToEndOfFile()
    process.waitUntilExit()
    return Result(
      status: process.terminationStatus, output: String(decoding: outputData, as: UTF8.self),
      errors: String(decoding: errorData, as: UTF8.self))
  }

  func path(_ name: String) -> String { directory.appendingPathComponent(name).path }

  func contents(_ name: String) throws -> String { try String(contentsOfFile: path(name), encoding: .utf8) }

  func write(_ text: String, to name: String) throws {
    try text.write(toFile: path(name), atomically: true, encoding: .utf8)
  }

  /// The names of all files, sorted.
  func files() throws -> [String] { try FileManager.default.contentsOfDirectory(atPath: directory.path).sorted() }
}

/// `notiflux serve` as a process of its own; ended, at the latest, when the test is.
final class ServerProcess {
  private let process: Process
  private let errors = Pipe()
  private var log = ""
  let url: String

  /// Starts it on a free port, with the public key in `es256_public.pem` unless told otherwise, and waits until it
  /// listens.
  init(_ tool: Tool, _ arguments: [String] = ["--public-key", "es256_public.pem"], environment: [String: String] = [:])
    throws
  {
    process = tool.process(["serve", "--port", "0"] + arguments, environment: environment)
    process.standardError = errors
    process.standardOutput = FileHandle.nullDevice
    try process.run()
    var url: String?
    var log = ""
    while url == nil {
      let data = errors.fileHandleForReading.availableData
      guard !data.isEmpty else { break }
      log += String(decoding: data, as: UTF8.self)
      url = log.firstMatch(of: /address=(http[^ \n]+)/).map { String($0.1) }
    }
    guard let url else { throw EndToEndFailure("the server did not start: \(log)") }
    self.url = url
    self.log = log
  }

  deinit { if process.isRunning { process.terminate() } }

  func signal(_ number: Int32) { kill(process.processIdentifier, number) }

  /// Waits until the log holds `text`, which may have come already.
  func waitForLog(_ text: String) throws {
    while !log.contains(text) {
      let data = errors.fileHandleForReading.availableData
      guard !data.isEmpty else { throw EndToEndFailure("no \"\(text)\" in the log: \(log)") }
      log += String(decoding: data, as: UTF8.self)
    }
  }

  /// The exit status, once it has ended.
  func wait() -> Int32 {
    process.waitUntilExit()
    return process.terminationStatus
  }
}

struct EndToEndFailure: Error, CustomStringConvertible {
  let description: String
  init(_ description: String) { self.description = description }
}
