import Foundation
import Testing

/// Texts that the renderers are held to, as constants in `Goldens/`.
///
/// With `UPDATE_GOLDENS` in the environment a comparison writes the constant anew; the difference is for git to show.
enum Golden {
  /// Compares line by line and reports the first line that differs.
  static func expect(
    _ actual: String, is golden: String, in file: String, sourceLocation: SourceLocation = #_sourceLocation
  ) {
    if ProcessInfo.processInfo.environment["UPDATE_GOLDENS"] != nil { return update(file, actual) }
    let pairs = zip(lines(actual) + [""], lines(golden) + [""])
    if let (index, pair) = pairs.enumerated().first(where: { $0.element.0 != $0.element.1 }) {
      Issue.record(
        "\(file) line \(index + 1) is \(pair.0.debugDescription), not \(pair.1.debugDescription)",
        sourceLocation: sourceLocation)
    }
    #expect(actual == golden, sourceLocation: sourceLocation)
  }

  private static func lines(_ text: String) -> [Substring] {
    text.split(separator: "\n", omittingEmptySubsequences: false)
  }

  private static func update(_ name: String, _ text: String) {
    let folder = URL(fileURLWithPath: #filePath).deletingLastPathComponent().appendingPathComponent("Goldens")
    let constant = """
      // swift-format-ignore-file

      extension Golden {
        static let \(name) = ##\"""
      \(text)
      \"""##
      }

      """
    #expect(throws: Never.self) {
      try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
      try constant.write(
        to: folder.appendingPathComponent("\(name).swift"), atomically: true, encoding: .utf8)
    }
  }
}
