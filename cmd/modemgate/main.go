// Command modemgate takes SMS and calls from a rack of USB modems and brings them to
// their owner's systems. See the README.
package main

import (
	"os"

	"modemgate/cmd/modemgate/cli"
)

func main() { os.Exit(cli.Main(os.Args[1:], os.Stdin, os.Stdout, os.Stderr)) }
