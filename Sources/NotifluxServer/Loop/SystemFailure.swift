import Glibc

/// A system call that failed: which one, and why in the system's words.
struct SystemFailure: Error, CustomStringConvertible {
  let call: String
  let code: Int32

  var description: String { "\(call): \(String(cString: strerror(code)))" }

  /// The result, where it is not a negated error number.
  static func check(_ call: String, _ result: Int32) throws(SystemFailure) -> Int32 {
    guard result >= 0 else { throw SystemFailure(call: call, code: -result) }
    return result
  }
}
