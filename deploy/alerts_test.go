package deploy

import (
	"regexp"
	"slices"
	"strings"
	"testing"
)

type alert struct {
	Alert       string            `yaml:"alert"`
	Expr        string            `yaml:"expr"`
	For         string            `yaml:"for"`
	Labels      map[string]string `yaml:"labels"`
	Annotations map[string]string `yaml:"annotations"`
}

func alerts(t *testing.T) []alert {
	t.Helper()
	var file struct {
		Groups []struct {
			Name  string  `yaml:"name"`
			Rules []alert `yaml:"rules"`
		} `yaml:"groups"`
	}
	readYAML(t, "prometheus/alerts.yaml", &file)
	var all []alert
	for _, g := range file.Groups {
		all = append(all, g.Rules...)
	}
	if len(all) == 0 {
		t.Fatal("no alerts")
	}
	return all
}

func TestEachAlertSaysWhatItMeans(t *testing.T) {
	for _, a := range alerts(t) {
		if len(a.Annotations) != 3 || a.Annotations["summary"] == "" || a.Annotations["impact"] == "" {
			t.Errorf("%s: wants a summary, an impact and a runbook_url, and no more", a.Alert)
		}
		if want := "RUNBOOK.md#" + strings.ToLower(a.Alert); a.Annotations["runbook_url"] != want {
			t.Errorf("%s: runbook_url is %q, want %q", a.Alert, a.Annotations["runbook_url"], want)
		}
		if len(a.Labels) != 2 || !slices.Contains([]string{"page", "ticket"}, a.Labels["severity"]) ||
			!slices.Contains([]string{"broker", "desk", "both"}, a.Labels["scope"]) {
			t.Errorf("%s: labels %v", a.Alert, a.Labels)
		}
	}
}

// promtool runs alerts_test.yaml; this checks that no alert is left out of it.
func TestEachAlertFiresAndRests(t *testing.T) {
	var file struct {
		Rules    []string `yaml:"rule_files"`
		Interval string   `yaml:"evaluation_interval"`
		Tests    []struct {
			Name     string `yaml:"name"`
			Interval string `yaml:"interval"`
			Series   []struct {
				Series string `yaml:"series"`
				Values string `yaml:"values"`
			} `yaml:"input_series"`
			Asked []struct {
				Expr     string           `yaml:"expr"`
				At       string           `yaml:"eval_time"`
				Expected []map[string]any `yaml:"exp_samples"`
			} `yaml:"promql_expr_test"`
			Rendered []map[string]any `yaml:"alert_rule_test"`
		} `yaml:"tests"`
	}
	readYAML(t, "prometheus/alerts_test.yaml", &file)
	fires, rests := map[string]bool{}, map[string]bool{}
	for _, group := range file.Tests {
		for _, asked := range group.Asked {
			if len(asked.Expected) > 0 {
				fires[asked.Expr] = true
			} else {
				rests[asked.Expr] = true
			}
		}
	}
	for _, a := range alerts(t) {
		expr := `ALERTS{alertname="` + a.Alert + `", alertstate="firing"}`
		if !fires[expr] || !rests[expr] {
			t.Errorf("%s: alerts_test.yaml shows it firing: %v, at rest: %v", a.Alert, fires[expr], rests[expr])
		}
	}
}

// A job is what Prometheus scrapes under one name.
type job struct{ target, desk string }

func scraped(t *testing.T) map[string]job {
	t.Helper()
	var file struct {
		Global map[string]string `yaml:"global"`
		Rules  []string          `yaml:"rule_files"`
		Jobs   []struct {
			Name    string `yaml:"job_name"`
			Targets []struct {
				Targets []string `yaml:"targets"`
				Labels  struct {
					Desk string `yaml:"desk"`
				} `yaml:"labels"`
			} `yaml:"static_configs"`
		} `yaml:"scrape_configs"`
	}
	readYAML(t, "prometheus/scrape.yaml", &file)
	if !slices.Equal(file.Rules, []string{"alerts.yaml"}) {
		t.Errorf("rule files %q", file.Rules)
	}
	jobs := map[string]job{}
	for _, j := range file.Jobs {
		if len(j.Targets) != 1 || len(j.Targets[0].Targets) != 1 {
			t.Fatalf("job %s: the example has one target", j.Name)
		}
		jobs[j.Name] = job{j.Targets[0].Targets[0], j.Targets[0].Labels.Desk}
	}
	return jobs
}

var jobAsked = regexp.MustCompile(`job="([^"]*)"`)

func TestAlertsAskForJobsThatAreScraped(t *testing.T) {
	jobs := scraped(t)
	for _, a := range alerts(t) {
		for _, m := range jobAsked.FindAllStringSubmatch(a.Expr, -1) {
			if jobs[m[1]].target == "" {
				t.Errorf("%s asks for job %q, which nothing scrapes", a.Alert, m[1])
			}
		}
	}
}

// A question is one selector of a metric of ours: its name and what it asks of
// labels.
type question struct {
	metric string
	labels map[string]string // regular expressions, whole
}

var (
	selector = regexp.MustCompile(`(samband_[a-z0-9_]+)(?:\{([^}]*)\})?`)
	matcher  = regexp.MustCompile(`([a-z_]+)(=~|!~|!=|=)"([^"]*)"`)
)

func questions(expr string) []question {
	var all []question
	for _, s := range selector.FindAllStringSubmatch(expr, -1) {
		q := question{metric: s[1], labels: map[string]string{}}
		for _, m := range matcher.FindAllStringSubmatch(s[2], -1) {
			q.labels[m[1]] = m[3]
			if m[2] == "=" || m[2] == "!=" {
				q.labels[m[1]] = regexp.QuoteMeta(m[3])
			}
		}
		all = append(all, q)
	}
	return all
}
