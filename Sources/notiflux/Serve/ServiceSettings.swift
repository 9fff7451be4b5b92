/// The settings of the service: what deploy/notiflux.default says, which becomes /etc/default/notiflux.
enum ServiceSettings {
  static var text: String {
    Commands.program.environmentFile(
      for: ServeCommand.command,
      introduction: [
        "Settings of the service notiflux, one variable a line. What is commented out is the default. "
          + "notiflux-serve(1) has more on each.",
        "`systemctl restart notiflux` applies them. New contents of the files named here, keys, certificates and "
          + "revocations, need a `systemctl reload notiflux` only.",
      ],
      values: [
        "JWT_PUBLIC_KEY_FILE": "/etc/notiflux/es256_public.pem", "NOTIFLUX_REVOKED_FILE": "/etc/notiflux/revoked",
      ])
  }
}
