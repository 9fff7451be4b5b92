import CommandTable
import Glibc

/// Small files, read and written whole. Every error is one line that names the file.
enum File {
  /// No key, token or configuration is larger; what is larger was named by mistake.
  private static let maximumSize = 1 << 20

  /// The whole file; `-` is standard input.
  static func read(_ path: String, maximumSize: Int = maximumSize) throws(CommandFailure) -> [UInt8] {
    let descriptor = path == "-" ? 0 : try open(path)
    defer { if path != "-" { close(descriptor) } }
    var bytes: [UInt8] = []
    var chunk = [UInt8](repeating: 0, count: 1 << 16)
    while true {
      let count = Glibc.read(descriptor, &chunk, chunk.count)
      if count == 0 { return bytes }
      if count < 0 {
        guard errno == EINTR else { throw failure("cannot read", path, errno) }
        continue
      }
      bytes += chunk[..<count]
      guard bytes.count <= maximumSize else {
        throw CommandFailure("\(shown(path)) has more than \(maximumSize) bytes; is it the right file?")
      }
    }
  }

  /// Opens a file for reading; the caller closes the descriptor.
  static func open(_ path: String) throws(CommandFailure) -> Int32 {
    let descriptor = Glibc.open(path, O_RDONLY | O_CLOEXEC)
    guard descriptor >= 0 else { throw failure("cannot open", path, errno) }
    return descriptor
  }

  /// Creates a file that is complete from the moment it can be seen, with exactly these permissions. Unless
  /// `overwrites`, a file that is there stays as it is, even when it appears at the last moment.
  static func create(
    _ path: String, contents: [UInt8], mode: mode_t, overwrites: Bool
  ) throws(CommandFailure) {
    let temporary = "\(path).\(getpid()).\(UInt32.random(in: 0 ... .max)).tmp"
    let descriptor = Glibc.open(temporary, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0o600)
    guard descriptor >= 0 else { throw failure("cannot create", path, errno) }
    defer { unlink(temporary) }  // Gone by then, unless something failed.
    do {
      defer { close(descriptor) }
      guard writeAll(contents, to: descriptor), fchmod(descriptor, mode) == 0, fsync(descriptor) == 0 else {
        throw failure("cannot write", path, errno)
      }
    }
    if overwrites {
      guard rename(temporary, path) == 0 else { throw failure("cannot create", path, errno) }
    } else if link(temporary, path) != 0 {
      throw errno == EEXIST ? exists(path) : failure("cannot create", path, errno)
    }
  }

  static func exists(_ path: String) -> CommandFailure {
    CommandFailure("\(path) exists already; give another name, or --force to replace it")
  }

  /// Whether there is anything of that name, a dangling link included.
  static func isThere(_ path: String) -> Bool {
    var status = stat()
    return lstat(path, &status) == 0
  }

  /// Makes the directory, with those above it, for its owner alone; content with one that is there.
  static func makeDirectory(_ path: String) throws(CommandFailure) {
    var made = path.hasPrefix("/") ? "" : "."
    for part in path.split(separator: "/") {
      made += "/\(part)"
      guard mkdir(made, 0o700) == 0 || errno == EEXIST else { throw failure("cannot make the directory", path, errno) }
    }
  }

  /// The path from the root, so that it holds in another directory too.
  static func absolute(_ path: String) -> String {
    guard let resolved = realpath(path, nil) else { return path }
    defer { free(resolved) }
    return String(cString: resolved)
  }

  private static func writeAll(_ bytes: [UInt8], to descriptor: Int32) -> Bool {
    bytes.withUnsafeBytes { bytes in
      var done = 0
      while done < bytes.count {
        let count = write(descriptor, bytes.baseAddress?.advanced(by: done), bytes.count - done)
        if count >= 0 { done += count } else if errno != EINTR { return false }
      }
      return true
    }
  }

  private static func failure(_ what: String, _ path: String, _ code: Int32) -> CommandFailure {
    CommandFailure("\(what) \(shown(path)): \(String(cString: strerror(code)))")
  }

  private static func shown(_ path: String) -> String { path == "-" ? "standard input" : path }
}
