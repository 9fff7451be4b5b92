/// The version of the program (semver.org), and the day it was made. The seed ended with 0.2.1.
enum Version {
  static let text = "1.0.0"
  static let date = "2026-11-23"
}
