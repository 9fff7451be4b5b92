// swift-format-ignore-file

extension Golden {
  static let briefHelpOfServe = ##"""
Run the server

Usage: chat serve [OPTIONS]

Options:
      --host HOST         Listen on HOST [default: 127.0.0.1] [env: HOST]
  -p, --port PORT         Listen on PORT; 0 takes a free one [default: 8080]
                          [env: PORT]
      --workers N         Run N event loops [default: number of cores]
                          [env: WORKER_COUNT]
      --log-format text|json
                          Write logs as text or as JSON [default: text]
                          [env: LOG_FORMAT]
      --color, --no-color
                          Colour the log [default: on] [env: CHAT_COLOR]
      --admin HOST:PORT   Serve metrics on another address
  -h, --help              Print help: -h in short, --help in full
  -V, --version           Print the version

Security:
  -k, --public-key FILE   Trust the public key in FILE [env: KEY_FILES]
  PUBLIC_KEY_B64=BASE64   Trust this public key

History:
      --history-size SIZE
                          Keep at most SIZE of messages [default: 64MiB]
      --history-ttl TIME  Keep messages for TIME [default: 5m]

Run chat serve --help to read more.

"""##
}
