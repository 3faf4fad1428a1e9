package problem_test

import (
	"errors"
	"fmt"
	"net/http"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"samband/gateway/problem"
)

func TestListIsClosedAndWhole(t *testing.T) {
	seen := map[problem.Code]bool{}
	classes := []problem.Class{problem.Retry, problem.Reseal, problem.Final}
	subjects := []problem.Subject{problem.Item, problem.Call, problem.Connection, problem.Broker, problem.BrokerBreach}
	form := regexp.MustCompile(`^[A-Z]+(_[A-Z]+)*$`)
	for _, e := range problem.List() {
		if seen[e.Code] {
			t.Errorf("%s is listed twice", e.Code)
		}
		seen[e.Code] = true
		if !form.MatchString(string(e.Code)) {
			t.Errorf("%q is not written as codes are", e.Code)
		}
		if !slices.Contains(classes, e.Class) {
			t.Errorf("%s has no class: %q", e.Code, e.Class)
		}
		if e.Rule == "" || e.Next == "" {
			t.Errorf("%s has no rule or no next step", e.Code)
		}
		if http.StatusText(e.Status) == "" || e.Status < 400 {
			t.Errorf("%s: %d is no status of a refusal", e.Code, e.Status)
		}
		if e.Pause < 0 || e.Pause > 0 && e.Class != problem.Retry {
			t.Errorf("%s is %s and yet says when to try again", e.Code, e.Class)
		}
		if !slices.Contains(subjects, e.Subject) {
			t.Errorf("%s speaks of nothing: %q", e.Code, e.Subject)
		}
		if (e.Subject == problem.BrokerBreach) != (e.Status == http.StatusBadGateway) {
			t.Errorf("%s: a breach, and nothing else, has status 502", e.Code)
		}
		if got, ok := problem.Lookup(e.Code); !ok || got != e {
			t.Errorf("Lookup(%s) = %v, %v", e.Code, got, ok)
		}
	}
}

// Of several agreements that don't carry a message, a desk shows the one that came
// furthest.
func TestRulesOfAnAgreementStandAsTheyAreAsked(t *testing.T) {
	asked := []problem.Code{problem.NoAgreement, problem.TypeNotPermitted, problem.ClassificationTooHigh, problem.PurposeNotPermitted}
	if !slices.IsSortedFunc(asked, problem.Compare) {
		t.Errorf("the list has %v in another order", asked)
	}
}

// A code without a row would make New panic at the moment of the refusal.
func TestEveryConstantHasItsRow(t *testing.T) {
	source, err := os.ReadFile("list.go")
	if err != nil {
		t.Fatal(err)
	}
	constants := regexp.MustCompile(`Code += "([A-Z_]+)"`).FindAllStringSubmatch(string(source), -1)
	if len(constants) != len(problem.List()) {
		t.Errorf("%d constants, %d rows", len(constants), len(problem.List()))
	}
	for _, c := range constants {
		if _, ok := problem.Lookup(problem.Code(c[1])); !ok {
			t.Errorf("%s has no row", c[1])
		}
	}
}

// The list that callers get is theirs: nobody rewrites the rules of others.
func TestListIsACopy(t *testing.T) {
	first := problem.List()[0]
	problem.List()[0].Class = "never"
	if problem.List()[0] != first {
		t.Error("a caller of List changed the list")
	}
}

func TestNewTakesNoInventedCode(t *testing.T) {
	defer func() {
		if recover() == nil {
			t.Error("New made a problem of a code that is not in the list")
		}
	}()
	problem.New("MADE_UP", "")
}

func TestProblemInAChain(t *testing.T) {
	p := problem.New(problem.NoAgreement, "agreement %d ended", 7)
	err := fmt.Errorf("submit: %w", p)
	if got, ok := problem.Of(err); !ok || got != p {
		t.Errorf("Of = %v, %v", got, ok)
	}
	if problem.CodeOf(err) != problem.NoAgreement {
		t.Errorf("CodeOf = %s", problem.CodeOf(err))
	}
	if p.Class() != problem.Final {
		t.Errorf("Class = %s", p.Class())
	}
	if want := "NO_AGREEMENT: agreement 7 ended"; p.Error() != want {
		t.Errorf("Error = %q, want %q", p.Error(), want)
	}
	if got := problem.New(problem.BrokerBusy, "").Error(); got != "BROKER_BUSY" {
		t.Errorf("Error without detail = %q", got)
	}
	// A fault of ours is never dressed up as a fault of the caller.
	if got := problem.CodeOf(errors.New("disk gone")); got != problem.Internal {
		t.Errorf("CodeOf of another error = %s", got)
	}
}

// SPEC §12 and this package say the same.
func TestSpecTable(t *testing.T) {
	spec, err := os.ReadFile("../SPEC.md")
	if err != nil {
		t.Fatal(err)
	}
	_, section, found := strings.Cut(string(spec), "\n## 12. ")
	if !found {
		t.Fatal("SPEC.md has no section 12")
	}
	section, _, _ = strings.Cut(section, "\n## ")
	var rows []problem.Entry
	for line := range strings.Lines(section) {
		cells := strings.Split(strings.TrimSpace(line), " | ")
		code, isRow := strings.CutPrefix(cells[0], "| `")
		if !isRow {
			continue
		}
		if len(cells) != 3 {
			t.Errorf("a row does not have three cells: %s", line)
			continue
		}
		rows = append(rows, problem.Entry{
			Code:  problem.Code(strings.TrimSuffix(code, "`")),
			Class: problem.Class(cells[1]),
			Rule:  strings.TrimSuffix(cells[2], " |"),
		})
	}
	list := problem.List()
	for i := range max(len(rows), len(list)) {
		var spec, code problem.Entry
		if i < len(rows) {
			spec = rows[i]
		}
		if i < len(list) {
			code = problem.Entry{Code: list[i].Code, Class: list[i].Class, Rule: list[i].Rule}
		}
		if spec != code {
			t.Errorf("row %d differs:\nSPEC    %s %s %s\npackage %s %s %s", i+1,
				spec.Code, spec.Class, spec.Rule, code.Code, code.Class, code.Rule)
		}
	}
}
