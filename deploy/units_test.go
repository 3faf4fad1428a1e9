package deploy

import (
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// A unit is a file of systemd: for each section and key its values, in order.
type unit map[string]map[string][]string

func readUnit(t *testing.T, path string) unit {
	t.Helper()
	u, section := unit{}, ""
	for i, line := range strings.Split(read(t, path), "\n") {
		name, isSection := strings.CutPrefix(line, "[")
		key, value, isPair := strings.Cut(line, "=")
		switch {
		case line == "" || strings.HasPrefix(line, "#"):
		case isSection && strings.HasSuffix(name, "]"):
			section = strings.TrimSuffix(name, "]")
			u[section] = map[string][]string{}
		case isPair && section != "":
			u[section][key] = append(u[section][key], value)
		default:
			t.Fatalf("%s line %d: neither section nor pair: %q", path, i+1, line)
		}
	}
	return u
}

// one returns the only value of a key.
func (u unit) one(t *testing.T, section, key string) string {
	t.Helper()
	values := u[section][key]
	if len(values) != 1 {
		t.Fatalf("%s= stands %d times in [%s]", key, len(values), section)
	}
	return values[0]
}

var services = []string{"samband-broker.service", "samband-desk@.service"}

// must is what every unit says, whatever else it says.
var must = map[string]string{
	"Type": "exec", "Restart": "on-failure", "UMask": "0077", "StateDirectoryMode": "0700",
	"LimitCORE": "0", "MemorySwapMax": "0",
	"NoNewPrivileges": "yes", "CapabilityBoundingSet": "", "AmbientCapabilities": "",
	"ProtectSystem": "strict", "ProtectHome": "yes", "PrivateTmp": "yes", "PrivateDevices": "yes",
	"ProtectKernelTunables": "yes", "ProtectKernelModules": "yes", "ProtectKernelLogs": "yes",
	"ProtectControlGroups": "yes", "ProtectClock": "yes", "ProtectHostname": "yes",
	"RestrictAddressFamilies": "AF_INET AF_INET6 AF_UNIX", "RestrictNamespaces": "yes",
	"RestrictRealtime": "yes", "RestrictSUIDSGID": "yes", "LockPersonality": "yes",
	"MemoryDenyWriteExecute": "yes", "SystemCallArchitectures": "native",
}

func TestUnitsAreHardened(t *testing.T) {
	for _, name := range services {
		u := readUnit(t, "systemd/"+name)
		for key, want := range must {
			if got := u.one(t, "Service", key); got != want {
				t.Errorf("%s: %s=%s, want %s", name, key, got, want)
			}
		}
		if calls := u["Service"]["SystemCallFilter"]; !slices.Equal(calls, []string{"@system-service", "~@privileged @resources"}) {
			t.Errorf("%s: SystemCallFilter=%q", name, calls)
		}
		if u.one(t, "Unit", "StartLimitBurst") == "" || u.one(t, "Unit", "StartLimitIntervalSec") == "" || u.one(t, "Service", "RestartSec") == "" {
			t.Errorf("%s: a service that can't start must not try for ever", name)
		}
	}
}

func TestUnitsStartWhatExists(t *testing.T) {
	for _, name := range services {
		u := readUnit(t, "systemd/"+name)
		words := strings.Fields(u.one(t, "Service", "ExecStart"))
		parseCommand(words).exists(t)
		program, _, _ := strings.Cut(strings.TrimSuffix(name, ".service"), "@")
		if words[0] != "/usr/local/bin/"+program {
			t.Errorf("%s starts %s", name, words[0])
		}
		folder := "/var/lib/" + u.one(t, "Service", "StateDirectory")
		if !slices.Contains(words, folder) || u.one(t, "Service", "WorkingDirectory") != folder {
			t.Errorf("%s: the service works elsewhere than in %s, the one folder that it may write", name, folder)
		}
	}
}

// The drop-in unlocks with the credential that it loads.
func TestUnlockByCredential(t *testing.T) {
	u := readUnit(t, "systemd/unlock-by-credential.conf")
	starts := u["Service"]["ExecStart"]
	if len(starts) != 2 || starts[0] != "" {
		t.Fatalf("ExecStart=%q: the unit's own must be taken away first", starts)
	}
	words := strings.Fields(starts[1])
	parseCommand(words).exists(t)
	credential, _, _ := strings.Cut(u.one(t, "Service", "LoadCredentialEncrypted"), ":")
	if !slices.Contains(words, "%d/"+credential) {
		t.Errorf("loads the credential %q, which %q doesn't use", credential, words)
	}
	desk := readUnit(t, "systemd/samband-desk@.service")
	if !slices.Contains(words, desk.one(t, "Service", "WorkingDirectory")) {
		t.Errorf("%q doesn't speak to the desk of its unit", words)
	}
}

var account = regexp.MustCompile(`(?m)^u +(\S+) +- +"[^"]+" +(\S+)$`)

func TestAccounts(t *testing.T) {
	home := map[string]string{}
	for _, m := range account.FindAllStringSubmatch(read(t, "systemd/samband.sysusers.conf"), -1) {
		home[m[1]] = m[2]
	}
	for _, name := range services {
		u := readUnit(t, "systemd/"+name)
		user := u.one(t, "Service", "User")
		if u.one(t, "Service", "Group") != user {
			t.Errorf("%s: group and user differ", name)
		}
		if h := home[user]; h == "" || !strings.HasPrefix("/var/lib/"+u.one(t, "Service", "StateDirectory"), h) {
			t.Errorf("%s runs as %s, whose home is %q", name, user, h)
		}
	}
}

// Every file here is known to a test: a new one wants one of its own.
func TestNoFileIsUnread(t *testing.T) {
	known := []string{
		"systemd/samband-broker.service", "systemd/samband-desk@.service",
		"systemd/samband.sysusers.conf", "systemd/unlock-by-credential.conf",
		"prometheus/alerts.yaml", "prometheus/alerts_test.yaml", "prometheus/scrape.yaml",
		"broker.example.yaml", "desk.example.yaml", "RUNBOOK.md", "check.sh",
	}
	var there []string
	for _, pattern := range []string{"*", "*/*"} {
		paths, err := filepath.Glob(pattern)
		if err != nil {
			t.Fatal(err)
		}
		for _, p := range paths {
			if filepath.Ext(p) != ".go" && filepath.Ext(p) != "" {
				there = append(there, p)
			}
		}
	}
	slices.Sort(known)
	slices.Sort(there)
	if !slices.Equal(known, there) {
		t.Errorf("files are\n%q, known are\n%q", there, known)
	}
}
