import Glibc

/// Moments as people and logs read them (RFC 3339 §5.6), in UTC.
enum Timestamp {
  /// Seconds since 1970, now.
  static func now() -> Double {
    var time = timespec()
    clock_gettime(CLOCK_REALTIME, &time)
    return Double(time.tv_sec) + Double(time.tv_nsec) / 1e9
  }

  /// `2026-11-23T15:04:05Z`, with `fractionDigits` 3 `2026-11-23T15:04:05.250Z`; `nil` outside the years 0 to 9999.
  static func text(_ secondsSince1970: Double, fractionDigits: Int = 0) -> String? {
    guard secondsSince1970.isFinite, abs(secondsSince1970) < 1e12 else { return nil }
    let whole = secondsSince1970.rounded(.down)
    var moment = time_t(whole)
    var parts = tm()
    guard gmtime_r(&moment, &parts) != nil, (0...9999).contains(parts.tm_year + 1900) else { return nil }
    let date = "\(padded(parts.tm_year + 1900, 4))-\(padded(parts.tm_mon + 1, 2))-\(padded(parts.tm_mday, 2))"
    let time = "\(padded(parts.tm_hour, 2)):\(padded(parts.tm_min, 2)):\(padded(parts.tm_sec, 2))"
    var fraction = ""
    if fractionDigits > 0 {
      let scale = pow(10, Double(fractionDigits))
      fraction = "." + padded(Int32((secondsSince1970 - whole) * scale), fractionDigits)
    }
    return "\(date)T\(time)\(fraction)Z"
  }

  private static func padded(_ number: Int32, _ width: Int) -> String {
    let digits = String(number)
    return String(repeating: "0", count: max(0, width - digits.utf8.count)) + digits
  }
}
