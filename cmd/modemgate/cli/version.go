package cli

import (
	"crypto/rand"
	"encoding/base64"
	"fmt"
	"runtime"
	"runtime/debug"
)

// version is the module's version, "devel" when it was built from a checkout.
func version() string {
	info, ok := debug.ReadBuildInfo()
	if !ok || info.Main.Version == "" || info.Main.Version == "(devel)" {
		return "devel"
	}
	return info.Main.Version
}

func commit() string {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return "unknown"
	}
	for _, s := range info.Settings {
		if s.Key == "vcs.revision" {
			return s.Value
		}
	}
	return "unknown"
}

func versionCommand() command {
	return command{name: "version", short: "prints version, commit and Go version", setup: func(e *env) func() error {
		return func() error {
			_, err := fmt.Fprintf(e.stdout, "modemgate %s\ncommit %s\n%s %s/%s\n", version(), commit(), runtime.Version(), runtime.GOOS, runtime.GOARCH)
			return err
		}
	}}
}

func tokenCommand() command {
	return command{
		name: "token", short: "prints a new random token and a new webhook secret",
		long: "Write the one that you need into a file of its own, mode 0640, owner root or modemgate.",
		setup: func(e *env) func() error {
			return func() error {
				var key [32]byte
				rand.Read(key[:])
				_, err := fmt.Fprintf(e.stdout, "token:  %s\nsecret: whsec_%s\n", rand.Text()+rand.Text()[:6], base64.StdEncoding.EncodeToString(key[:]))
				return err
			}
		},
	}
}
