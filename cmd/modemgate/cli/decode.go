package cli

import (
	"bufio"
	"fmt"
	"io"
	"strings"

	"modemgate/modem/answer"
	"modemgate/modem/pdu"
)

func decodePDU() command {
	return command{
		name: "decode pdu", args: "[HEX|-]", nargs: -1, short: "says what modemgate makes of a PDU with its service-centre part",
		long: "With - or nothing it reads one PDU a line from the standard input. It exits with 1 when any could not be read.",
		setup: func(e *env) func() error {
			e.flags.Bool("json", true, "one JSON object a line; there is no other form")
			return func() error {
				lines := e.args
				if len(lines) == 0 || len(lines) == 1 && lines[0] == "-" {
					lines = nil
					in := bufio.NewScanner(e.stdin)
					in.Buffer(nil, 1<<20)
					for in.Scan() {
						if text := strings.TrimSpace(in.Text()); text != "" {
							lines = append(lines, text)
						}
					}
					if err := in.Err(); err != nil {
						return err
					}
				}
				bad := 0
				for _, text := range lines {
					d := pdu.Describe(text)
					if d.Parse != "ok" {
						bad++
					}
					if err := printJSON(e.stdout, d); err != nil {
						return err
					}
				}
				if bad > 0 {
					return &failure{what: fmt.Sprintf("%d of %d could not be read", bad, len(lines))}
				}
				return nil
			}
		},
	}
}

func decodeAT() command {
	return command{
		name: "decode at", args: "COMMAND < ANSWER", nargs: 1, short: "says what modemgate makes of a modem's answer",
		long: "COMMAND is written as it was sent (AT+CREG?), or urc for lines that came unasked. The answer comes from the standard input.",
		setup: func(e *env) func() error {
			e.flags.Bool("json", true, "one JSON object; there is no other form")
			return func() error {
				raw, err := io.ReadAll(io.LimitReader(e.stdin, 1<<20))
				if err != nil {
					return err
				}
				out, parseErr := answer.Describe(e.args[0], string(raw))
				if err := printJSON(e.stdout, out); err != nil {
					return err
				}
				if parseErr != nil {
					return &failure{what: "the answer could not be read", err: parseErr}
				}
				return nil
			}
		},
	}
}
