import Glibc

/// The lines that were typed in earlier sessions, in a file of mode 0600, one entry a line, oldest first.
///
/// Several sessions may share it: each change happens under a lock on the file, and shortening writes a new file that
/// takes the old one's place, so that no entry is ever half there. A backslash and a line feed inside an entry are
/// written as `\\` and `\n`.
struct HistoryFile: Sendable {
  let path: String
  /// The number of newest entries that are kept.
  let limit: Int

  /// Why the file could not be used.
  struct Failure: Error, CustomStringConvertible {
    let path: String
    let code: Int32
    var description: String { "history is not kept, \(path): \(errorText(code))" }
  }

  /// The newest entries. A file that does not exist holds none. One that has grown well over the limit is shortened.
  func load() throws(Failure) -> [String] {
    guard access(path, F_OK) == 0 else { return [] }
    return try withLockedFile { descriptor throws(Failure) in
      let lines = try readLines(descriptor)
      let kept = lines.suffix(limit)
      if lines.count > limit + limit / 4, isRegular(descriptor) {
        try replace(with: kept)
      }
      return kept.map(Self.decode)
    }
  }

  /// Adds an entry, and makes the file and its folder if need be.
  func append(_ entry: String) throws(Failure) {
    makeFolder()
    try withLockedFile { descriptor throws(Failure) in
      let line = Array((Self.encode(entry) + "\n").utf8)
      let code = line.withUnsafeBytes { writeFully($0, to: descriptor) }
      if code != 0 { throw Failure(path: path, code: code) }
    }
  }

  static func encode(_ entry: String) -> String {
    var line = ""
    for scalar in entry.unicodeScalars {
      switch scalar {
      case "\\": line += "\\\\"
      case "\n": line += "\\n"
      default: line.unicodeScalars.append(scalar)
      }
    }
    return line
  }

  static func decode(_ line: String) -> String {
    var entry = ""
    var isEscaped = false
    for scalar in line.unicodeScalars {
      if !isEscaped, scalar == "\\" {
        isEscaped = true
        continue
      }
      entry.unicodeScalars.append(isEscaped && scalar == "n" ? "\n" : scalar)
      isEscaped = false
    }
    return isEscaped ? entry + "\\" : entry
  }

  /// Runs the body with the file open and locked. Another session may put a new file in its place while we wait for the
  /// lock: then the new one is opened.
  private func withLockedFile<Result>(_ body: (Int32) throws(Failure) -> Result) throws(Failure) -> Result {
    while true {
      let descriptor = open(path, O_RDWR | O_CREAT | O_APPEND | O_CLOEXEC, 0o600)
      guard descriptor >= 0 else { throw Failure(path: path, code: errno) }
      defer { close(descriptor) }
      while flock(descriptor, LOCK_EX) != 0 {
        guard errno == EINTR else { throw Failure(path: path, code: errno) }
      }
      var opened = stat()
      var named = stat()
      guard fstat(descriptor, &opened) == 0, stat(path, &named) == 0 else { continue }
      guard opened.st_ino == named.st_ino, opened.st_dev == named.st_dev else { continue }
      return try body(descriptor)
    }
  }

  private func readLines(_ descriptor: Int32) throws(Failure) -> [String] {
    var bytes: [UInt8] = []
    var chunk = [UInt8](repeating: 0, count: 1 << 16)
    while isRegular(descriptor) {
      let (count, code) = chunk.withUnsafeMutableBytes { readSome(from: descriptor, into: $0) }
      guard code == 0 else { throw Failure(path: path, code: code) }
      guard count > 0 else { break }
      bytes += chunk[..<count]
    }
    return bytes.split(separator: 0x0A).map { String(decoding: $0, as: UTF8.self) }
  }

  /// Writes a new file beside the one behind the path, which may be a link, and renames it.
  private func replace(with lines: ArraySlice<String>) throws(Failure) {
    guard let resolved = realpath(path, nil) else { throw Failure(path: path, code: errno) }
    defer { free(resolved) }
    // As bytes: a path need not be UTF-8.
    var template = Array(UnsafeBufferPointer(start: resolved, count: strlen(resolved)))
    template += ".XXXXXX".utf8CString
    let descriptor = mkstemp(&template)
    guard descriptor >= 0 else { throw Failure(path: path, code: errno) }
    defer { close(descriptor) }
    let bytes = Array(lines.map { $0 + "\n" }.joined().utf8)
    var code = bytes.withUnsafeBytes { writeFully($0, to: descriptor) }
    if code == 0, rename(template, resolved) != 0 { code = errno }
    guard code == 0 else {
      unlink(template)
      throw Failure(path: path, code: code)
    }
  }

  private func isRegular(_ descriptor: Int32) -> Bool {
    var status = stat()
    return fstat(descriptor, &status) == 0 && status.st_mode & S_IFMT == S_IFREG
  }

  /// Makes the folders above the file, for the user alone. Where that fails, opening the file says why.
  private func makeFolder() {
    var folder = ""
    for part in path.split(separator: "/", omittingEmptySubsequences: false).dropLast() {
      folder += part + "/"
      mkdir(folder, 0o700)
    }
  }
}
