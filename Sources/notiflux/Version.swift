/// What `notiflux --version` says: the version of the program (semver.org). The seed ended with 0.2.1.
enum Version {
  static let text = "1.0.0"
}
