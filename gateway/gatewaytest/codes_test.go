package gatewaytest

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"samband/gateway/problem"
)

// elsewhere names the test that shows a code which no table of this package
// does: "folder/file: test".
var elsewhere = map[problem.Code]string{
	// At the edge, as connections_test.go tries it.
	problem.CertificateRefused: "gatewaytest/connections_test.go: TestConnections",
	problem.DeskBarred:         "gatewaytest/connections_test.go: TestConnections",
	problem.BudgetExhausted:    "gatewaytest/connections_test.go: TestConnections",
	problem.QuotaExhausted:     "broker/quota_test.go: TestQuotaOfMessages",
	problem.RecipientBehind:    "broker/quota_test.go: TestRecipientBehind",
	problem.PollYielded:        "broker/internal/edge/polls_test.go: TestALockedDeskAndAThiefPollByTurns",
	problem.NotFound:           "gatewaytest/connections_test.go: TestConnections",

	// The broker's own state.
	problem.StoreFull:     "broker/limits_test.go: TestStoreFull",
	problem.BrokerStopped: "broker/start_test.go: TestTailLost",
	problem.BrokerBusy:    "desk/wrongclock_test.go: TestBrokerWasOffForTwoDays",
	problem.Internal:      "broker/internal/edge/edge_test.go: TestFaultsAreNamedAndKept",

	// A catalogue's file.
	problem.BundleMissing: "broker/bundles_test.go: TestBundles",
	problem.BundleInvalid: "../schema/bundle_test.go: TestReadBundle",

	// A desk's own state, and what it has against a broker that lies.
	problem.DeskLocked:      "desk/life_test.go: TestLocked",
	problem.DeskDamaged:     "desk/damage_test.go: TestDamageComesAgain",
	problem.NotStored:       "desk/notstored_test.go: TestLockedDatabaseIsWaitedOut",
	problem.StoredUnknown:   "desk/notstored_test.go: TestFailedCommitIsTold",
	problem.LocalFault:      "local/local_test.go: TestCalls",
	problem.Repeated:        "desk/repeated_test.go: TestRepeated",
	problem.ErasuresUnread:  "desk/erasures_test.go: TestRestoredWithoutBroker",
	problem.DiskFull:        "desk/fulldisk_test.go: TestReserve",
	problem.ProofMissing:    "desk/attack_test.go: TestAcceptance",
	problem.ProofInvalid:    "desk/attack_test.go: TestAcceptance",
	problem.RegisterTooOld:  "desk/attack_test.go: TestOldRegister",
	problem.SecondText:      "desk/attack_test.go: TestSecondText",
	problem.StatementForged: "desk/attack_test.go: TestInventedHandover",
	problem.RingElsewhere:   "desk/elsewhere_test.go: TestThiefBesideTheDesk",
	problem.LogContradicts:  "desk/attack_test.go: TestTwoHistories",
}

// Every code of the closed list is shown somewhere: none is there for nothing,
// and none is forgotten here.
func TestEveryCodeIsShown(t *testing.T) {
	shown := map[problem.Code]bool{}
	for _, table := range [][]refusal{identityRefusals, formRefusals, lawRefusals, freshnessRefusals, messageRefusals, statementRefusals} {
		for _, row := range table {
			shown[row.code] = true
		}
	}
	for _, row := range entryRefusals {
		shown[row.code] = true
	}
	for _, row := range flaws {
		shown[row.code] = true
	}
	for _, row := range notSent {
		shown[row.code] = true
	}
	for _, e := range problem.List() {
		where, named := elsewhere[e.Code]
		if shown[e.Code] == named {
			t.Errorf("%s: in a table %v, named elsewhere %v", e.Code, shown[e.Code], named)
		}
		if !named {
			continue
		}
		file, test, _ := strings.Cut(where, ": ")
		b, err := os.ReadFile(filepath.Join("..", filepath.FromSlash(file)))
		if err != nil {
			t.Fatal(err)
		}
		if !strings.Contains(string(b), "\nfunc "+test+"(t *testing.T) {\n") {
			t.Errorf("%s: there is no %s in %s", e.Code, test, file)
		}
		if !strings.Contains(string(b), string(e.Code)) && !strings.Contains(string(b), "problem."+goName(e.Code)) {
			t.Errorf("%s: %s doesn't name the code", e.Code, file)
		}
	}
}

// goName is a code as package problem spells its constant: KEY_REVOKED is
// KeyRevoked.
func goName(c problem.Code) (name string) {
	for word := range strings.SplitSeq(string(c), "_") {
		name += word[:1] + strings.ToLower(word[1:])
	}
	return name
}
