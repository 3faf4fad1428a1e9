package gateway_test

import (
	"encoding/json"
	"errors"
	"io"
	"os/exec"
	"slices"
	"strings"
	"testing"
)

// A pkg is what `go list -json` tells of a package.
type pkg struct {
	ImportPath   string
	Doc          string
	Imports      []string
	TestImports  []string
	XTestImports []string
	Deps         []string
}

func list(t *testing.T) map[string]pkg {
	t.Helper()
	cmd := exec.Command("go", "list", "-json=ImportPath,Doc,Imports,TestImports,XTestImports,Deps", "samband/...")
	out, err := cmd.Output()
	if err != nil {
		var exit *exec.ExitError
		if errors.As(err, &exit) {
			t.Fatalf("go list: %v\n%s", err, exit.Stderr)
		}
		t.Fatal(err)
	}
	pkgs := map[string]pkg{}
	for dec := json.NewDecoder(strings.NewReader(string(out))); ; {
		var p pkg
		if err := dec.Decode(&p); errors.Is(err, io.EOF) {
			break
		} else if err != nil {
			t.Fatal(err)
		}
		pkgs[p.ImportPath] = p
	}
	return pkgs
}

// within reports whether path is root or lies below it.
func within(path, root string) bool {
	return path == root || strings.HasPrefix(path, root+"/")
}

const (
	brokerWing = "samband/gateway/broker"
	deskWing   = "samband/gateway/desk"
)

// The pure rooms, lowest first: each may import those before it and no other
// package of ours.
var floors = []string{
	"samband/gateway/problem",
	"samband/gateway/durable",
	"samband/cmd/internal/cli", // each program links it: it may bring no other room with it
	"samband/gateway/config",
	"samband/gateway/monitor",
	"samband/schema",
	"samband/gateway/signed",
	"samband/certs",
	"samband/gateway/envelope",
	"samband/gateway/internal/work",
	"samband/gateway/seal",
	"samband/cmd/internal/passphrase",
	"samband/gateway/auditlog",
	"samband/gateway/auditlog/tree",
	"samband/gateway/register",
	"samband/gateway/verify",
	"samband/gateway/authority",
	"samband/gateway/api",
	"samband/gateway/local", // refuses in api's form
	"samband/gateway/hit",
	"samband/gateway/hit/table", // of the desk's machine alone: TestProgramsLinkNoMoreThanTheyMay
	deskWing + "/client",
}

func TestImportsPointDown(t *testing.T) {
	height := map[string]int{}
	for i, f := range floors {
		height[f] = i + 1
	}
	for path, p := range list(t) {
		mine, pure := height[path]
		if !pure {
			continue
		}
		for _, imp := range p.Imports {
			if !within(imp, "samband") {
				continue
			}
			if h, ok := height[imp]; !ok || h >= mine {
				t.Errorf("%s imports %s: a pure room imports only rooms below it", path, imp)
			}
		}
	}
}

// The two wings meet only where a whole exchange is made.
func TestWingsNeverMeet(t *testing.T) {
	meeting := []string{"samband/cmd/samband-demo", "samband/gateway/gatewaytest"}
	for path, p := range list(t) {
		toBroker, toDesk := within(path, brokerWing), within(path, deskWing)
		for _, imp := range p.Imports {
			toBroker = toBroker || within(imp, brokerWing)
			toDesk = toDesk || within(imp, deskWing)
		}
		if toBroker && toDesk && path != meeting[0] && path != meeting[1] {
			t.Errorf("%s joins the broker's wing and the desk's", path)
		}
	}
}

// The rooms under each wing's internal, by rank: a room imports only rooms of the
// ranks before its own. Rooms of one rank never meet: their wing wires them.
var ranks = map[string][][]string{
	// The prover needs the sequencer's log; router and reader answer with its proofs.
	brokerWing: {{"journal", "quota"}, {"bundles", "edge", "index", "records", "store"}, {"sequencer"}, {"prover"}, {"reader", "router"}},
	deskWing:   {{"keys", "seen", "store"}, {"mail"}},
}

func TestRoomsStandInOrder(t *testing.T) {
	pkgs := list(t)
	for wing, rows := range ranks {
		inner, rank := wing+"/internal/", map[string]int{}
		for n, row := range rows {
			for _, room := range row {
				rank[room] = n + 1
			}
		}
		for path, p := range pkgs {
			room, ok := strings.CutPrefix(path, inner)
			if !ok {
				continue
			}
			if rank[room] == 0 {
				t.Errorf("%s stands in no rank", path)
			}
			for _, imp := range p.Imports {
				if other, ok := strings.CutPrefix(imp, inner); ok && rank[other] >= rank[room] {
					t.Errorf("%s imports %s, which is no room below it", path, imp)
				}
			}
		}
	}
}

// Each library has one door. Package work is no library, and has few doors all the same:
// who can name a work factor can lighten a ring.
func TestOneLibraryOneDoor(t *testing.T) {
	doors := map[string][]string{
		"filippo.io/age":                        {"samband/gateway/seal"},
		"filippo.io/mldsa":                      {"samband/gateway/signed"},
		"github.com/nats-io/nats.go":            {brokerWing + "/internal/store"},
		"github.com/nats-io/nats-server":        {brokerWing + "/internal/store"},
		"github.com/santhosh-tekuri/jsonschema": {"samband/schema"},
		"golang.org/x/mod/sumdb/tlog":           {"samband/gateway/auditlog", "samband/gateway/auditlog/tree"},
		"golang.org/x/mod/sumdb/dirhash":        {"samband/schema"},
		"filippo.io/torchwood":                  {"samband/gateway/auditlog", "samband/gateway/auditlog/tree"},
		"modernc.org/sqlite":                    {brokerWing + "/internal/index", deskWing + "/internal/store", "samband/gateway/hit/table"},
		"go.yaml.in/yaml":                       {"samband/gateway/config"},
		"samband/gateway/internal/openapitest":  nil, // tests alone use it
		"samband/gateway/internal/faultydisk":   nil, // likewise
		"github.com/hanwen/go-fuse":             {"samband/gateway/internal/faultydisk"},
		"samband/gateway/internal/work": {
			"samband/gateway/seal", "samband/gateway/authority", deskWing, deskWing + "/internal/keys", "samband/gateway/gatewaytest",
		},
	}
	for path, p := range list(t) {
		for _, imp := range p.Imports {
			for library, rooms := range doors {
				if within(imp, library) && !slices.Contains(rooms, path) {
					t.Errorf("%s imports %s, whose door is %s", path, imp, strings.Join(rooms, " and "))
				}
			}
		}
	}
}

// What a program can't do because it does not link it.
func TestProgramsLinkNoMoreThanTheyMay(t *testing.T) {
	forbidden := map[string][]string{
		"samband/cmd/samband-broker": {"filippo.io/age", "samband/gateway/seal", deskWing, "samband/gateway/authority", "samband/gateway/hit"},
		"samband/cmd/samband-desk":   {"github.com/nats-io", brokerWing, "samband/gateway/authority"},
		"samband/cmd/samband-audit":  {"github.com/nats-io", brokerWing, deskWing, "filippo.io/age", "samband/gateway/hit"},
		"samband/cmd/samband-party":  {"github.com/nats-io", brokerWing, deskWing, "samband/gateway/hit"},
		// Of a case-management system: a desk's types and its client, and no desk.
		deskWing + "/client": {
			"modernc.org", "github.com/nats-io", "github.com/prometheus", "filippo.io/age",
			"samband/gateway/seal", "samband/gateway/register", deskWing + "/internal",
		},
	}
	pkgs := list(t)
	for program, libraries := range forbidden {
		p, ok := pkgs[program]
		if !ok {
			t.Errorf("%s is not there: the law is not checked", program)
		}
		for _, dep := range p.Deps {
			for _, library := range libraries {
				if within(dep, library) {
					t.Errorf("%s links %s", program, dep)
				}
			}
		}
	}
}

func TestEveryPackageSaysWhatItIs(t *testing.T) {
	for path, p := range list(t) {
		if p.Doc == "" && len(p.Imports) > 0 {
			t.Errorf("%s has no package comment", path)
		}
	}
}
