package main

import (
	"os"
	"strings"

	// Without a database of time zones the desk would count its days and hours in
	// UTC. Small servers and containers have none, and an old machine has old rules.
	_ "time/tzdata"

	"samband/cmd/internal/cli"
	"samband/gateway/register"
)

// zoneOf is the zone that --zone names, or else this machine's. A name that the
// register would take and this program doesn't know is a slip of the pen.
func zoneOf(flag string) (register.Zone, error) {
	z := register.Zone(flag)
	if flag == "" {
		z = register.Zone(machineZone("/etc/localtime"))
	}
	if _, err := z.Location(); err != nil {
		if flag == "" {
			return "", cli.Usagef("this machine doesn't tell the name of its time zone: give --zone, such as Europe/Stockholm")
		}
		return "", cli.Usagef("--zone: %q is no time zone that this program knows, such as Europe/Stockholm", flag)
	}
	return z, nil
}

// machineZone is the name that TZ gives the machine's zone, or else the link that
// is its local time; "" where neither does.
func machineZone(localtime string) string {
	name, set := os.LookupEnv("TZ")
	if !set {
		// What the link leads to may be a link itself, to a zone of another name.
		name, _ = os.Readlink(localtime)
	}
	name = strings.TrimPrefix(name, ":")
	if _, below, ok := strings.Cut(name, "/zoneinfo/"); ok {
		return below
	}
	if !set {
		return ""
	}
	return name
}
