extension Endpoint {
  /// The server that answers where a redirection leads: `location` (RFC 9110 §10.2.2) came in answer to one of the server's
  /// routes. `nil` where it leads to something else, such as a page to log in, or back to this server.
  func redirected(to location: String) -> Endpoint? {
    let scheme = isTLS ? "https:" : "http:"
    let isRelative = location.hasPrefix("/")
    let start = !isRelative ? "" : location.hasPrefix("//") ? scheme : "\(scheme)//\(hostHeader)"
    let url = Self.withoutTrailingSlashes((start + location)[...])
    for route in Self.routes where url.hasSuffix(route) {
      let server = try? Endpoint(String(url.dropLast(route.count)))
      return server == self ? nil : server
    }
    return nil
  }
}
