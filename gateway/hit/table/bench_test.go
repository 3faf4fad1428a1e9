package table

import (
	"bufio"
	"context"
	"flag"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"testing"
	"time"

	"samband/gateway/hit"
)

var rowsOfBench = flag.Int("rows", 1_000_000, "rows of each data set that BenchmarkSearch imports")

// BenchmarkSearch measures a source with a million vehicles and a million persons:
//
//	go test -run '^$' -bench Search ./gateway/hit/table
//
// Half of what is asked for is in the data. Names, plates and birth dates are made up; the
// frequency of names falls as in a population, so some are common.
func BenchmarkSearch(b *testing.B) {
	path := filepath.Join(b.TempDir(), "hits.db")
	for _, d := range []hit.Dataset{hit.Vehicle, hit.Nominal} {
		start := time.Now()
		read, write := io.Pipe()
		go func() { write.CloseWithError(writeRows(write, d, *rowsOfBench)) }()
		report, err := Import(b.Context(), path, d, read, Options{})
		if err != nil {
			b.Fatal(err)
		}
		b.Logf("%s: %d rows imported in %s", d, report.Rows, time.Since(start).Round(time.Second/10))
	}
	if info, err := os.Stat(path); err == nil {
		b.Logf("the file has %d MB", info.Size()>>20)
	}
	table := openTable(b, path)
	for _, c := range []struct {
		name    string
		dataset hit.Dataset
		keep    func(map[hit.Key]string) // changes what is asked for
	}{
		{"vehicles", hit.Vehicle, func(map[hit.Key]string) {}},
		{"persons", hit.Nominal, func(map[hit.Key]string) {}},
		{"persons by year", hit.Nominal, func(k map[hit.Key]string) { k[hit.BirthDate] = year(k[hit.BirthDate]) }},
		{"persons without birth date", hit.Nominal, func(k map[hit.Key]string) { delete(k, hit.BirthDate) }},
	} {
		for _, askers := range []int{1, 4} {
			b.Run(fmt.Sprintf("%s, %d at once", c.name, askers), func(b *testing.B) {
				benchmark(b, table, c.dataset, askers, c.keep)
			})
		}
	}
}

func benchmark(b *testing.B, table *Table, d hit.Dataset, askers int, change func(map[hit.Key]string)) {
	took := make([]time.Duration, b.N)
	work := make(chan int)
	var group sync.WaitGroup
	for range askers {
		group.Go(func() {
			for i := range work {
				rnd := rand.New(rand.NewPCG(uint64(d[0]), uint64(i%2*(*rowsOfBench)+rand.IntN(*rowsOfBench))))
				q := hit.Query{Dataset: d, Keys: keysOf(d, rnd)}
				change(q.Keys)
				start := time.Now()
				asked, err := hit.Read(q)
				if err != nil {
					b.Error(err)
					continue
				}
				if _, err := table.Search(context.Background(), asked); err != nil {
					b.Error(err)
				}
				took[i] = time.Since(start)
			}
		})
	}
	b.ResetTimer()
	for i := range b.N {
		work <- i
	}
	close(work)
	group.Wait()
	b.StopTimer()
	slices.Sort(took)
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "queries/s")
	b.ReportMetric(float64(took[len(took)/2].Microseconds())/1000, "p50-ms")
	b.ReportMetric(float64(took[len(took)*99/100].Microseconds())/1000, "p99-ms")
	b.ReportMetric(0, "ns/op")
}

// year is the year of a date, if there is one.
func year(date string) string { return date[:min(4, len(date))] }

func writeRows(w io.Writer, d hit.Dataset, n int) error {
	out := bufio.NewWriter(w)
	keys := d.Keys()
	for i, k := range keys {
		fmt.Fprintf(out, "%s,", k)
		if i == len(keys)-1 {
			fmt.Fprintln(out, "reference")
		}
	}
	for i := range n {
		row := keysOf(d, rand.New(rand.NewPCG(uint64(d[0]), uint64(i))))
		for _, k := range keys {
			fmt.Fprintf(out, "%s,", row[k])
		}
		fmt.Fprintf(out, "R-%d\n", i)
	}
	return out.Flush()
}

var (
	families = []string{
		"Andersson", "Johansson", "Müller", "Schmidt", "García López", "Rossi", "Kowalski", "Nowak", "Papadopoulos", "Παπαδάκης", "Иванов", "Смирнов",
		"Шевченко", "Petrović", "Јовановић", "Horvat", "Nagy", "Popescu", "Yılmaz", "Çelik", "محمد", "حسين", "Hussein", "Mohamed", "El Amrani", "Nguyễn",
		"Dupont", "Lefèvre", "Silva Santos", "O'Brien", "Virtanen", "Korhonen", "Jensen", "Hansen", "Björnsdóttir", "Bērziņš", "Tamm", "van den Berg", "De Smet", "Novák",
	}
	endings = []string{"", "son", "sen", "ov", "ić", "ski", "er", "ez", "ian", "oglu", "mann", "berg", "ström", "dal", "ini", "escu", "enko", "ak", "ou", "as"}
	givens  = []string{
		"Anna", "Maria", "Erik", "Lars", "Jürgen", "Wolfgang", "José", "Lucía", "Marco", "Giulia", "Agnieszka", "Piotr", "Νικόλαος", "Ελένη", "Сергей", "Ольга",
		"Тарас", "Dragan", "Милан", "Ivana", "István", "Ioana", "Mehmet", "Ayşe", "أحمد", "فاطمة", "Youssef", "Khadija", "Đức", "Pierre", "João", "Siobhán",
		"Mikko", "Aino", "Søren", "Guðrún", "Jānis", "Kristjan", "Pieter", "Zdeněk",
	}
)

// keysOf makes a row, always the same of the same rnd.
func keysOf(d hit.Dataset, rnd *rand.Rand) map[hit.Key]string {
	letter := func(from string) byte { return from[rnd.IntN(len(from))] }
	if d == hit.Vehicle {
		vin := make([]byte, 17)
		for i := range vin {
			vin[i] = letter("ABCDEFGHJKLMNPRSTUVWXYZ0123456789")
		}
		plate := fmt.Sprintf("%c%c%c %03d", letter("ABCDEFGHJKLMNOPRSTUWXYZ"), letter("ABCDEFGHJKLMNOPRSTUWXYZ"), letter("ABCDEFGHJKLMNOPRSTUWXYZ"), rnd.IntN(1000))
		country := []string{"SWE", "FIN", "NOR", "DEU", "POL", "UKR", "GRC", "FRA"}[rnd.IntN(8)]
		return map[hit.Key]string{hit.Plate: plate, hit.PlateCountry: country, hit.VIN: string(vin)}
	}
	often := func(n int) int { return int(float64(n) * rnd.Float64() * rnd.Float64()) }
	keys := map[hit.Key]string{
		hit.Family: families[often(len(families))], hit.Given: givens[often(len(givens))],
		hit.BirthDate: time.Date(1930, 1, 1+rnd.IntN(365*80), 0, 0, 0, 0, time.UTC).Format(time.DateOnly),
		hit.Sex:       []string{"F", "M"}[rnd.IntN(2)],
	}
	if rnd.IntN(4) > 0 { // most names are rarer than those of the list
		keys[hit.Family] = string([]byte{letter("BDFGHKLMNPRST"), letter("aeiou"), letter("bdfgklmnprstv"), letter("aeiou"), letter("bdglmnrst")}) + endings[rnd.IntN(len(endings))]
	}
	if rnd.IntN(2) == 0 {
		keys[hit.Given] += " " + givens[often(len(givens))]
	}
	if rnd.IntN(50) == 0 {
		delete(keys, hit.BirthDate)
	}
	return keys
}
