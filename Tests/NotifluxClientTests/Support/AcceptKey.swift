import Foundation

/// `Sec-WebSocket-Accept` for a key (RFC 6455 §4.2.2), by way of the `openssl` program's SHA-1, so that no code of ours
/// checks itself.
func acceptKey(for key: String) -> String {
  let text = Data((key + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11").utf8)
  return (try? openssl(["dgst", "-sha1", "-binary"], input: text))?.base64EncodedString() ?? ""
}

/// Runs `openssl` and returns its output.
@discardableResult
func openssl(_ arguments: [String], input: Data = Data()) throws -> Data {
  let process = Process()
  process.executableURL = URL(fileURLWithPath: "/usr/bin/env")
  process.arguments = ["openssl"] + arguments
  let (stdin, stdout) = (Pipe(), Pipe())
  (process.standardInput, process.standardOutput, process.standardError) = (stdin, stdout, FileHandle.nullDevice)
  try process.run()
  stdin.fileHandleForWriting.write(input)
  try stdin.fileHandleForWriting.close()
  let output = stdout.fileHandleForReading.readDataToEndOfFile()
  process.waitUntilExit()
  guard process.terminationStatus == 0 else { throw TestFailure("openssl \(arguments[0]) failed") }
  return output
}
