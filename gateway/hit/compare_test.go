package hit

import (
	"errors"
	"testing"
)

func read(t *testing.T, d Dataset, pairs ...string) *Subject {
	t.Helper()
	q := Query{d, map[Key]string{}}
	for i := 0; i < len(pairs); i += 2 {
		q.Keys[Key(pairs[i])] = pairs[i+1]
	}
	s, err := Read(q)
	if err != nil {
		t.Fatalf("%v: %v", pairs, err)
	}
	return s
}

// The rule of the package comment, sentence by sentence.
func TestRule(t *testing.T) {
	type row []string
	for _, c := range []struct {
		dataset Dataset
		a, b    row
		want    Outcome
	}{
		{Document, row{"number", "AB 123456", "country", "SE"}, row{"number", "ab-123456", "country", "SWE", "kind", "PASSPORT"}, Hit},
		{Document, row{"number", "АВ123456", "country", "UKR"}, row{"number", "AB123456", "country", "UA"}, Hit}, // А, В are Cyrillic
		{Document, row{"number", "١٢٣٤٥٦", "country", "EG"}, row{"number", "123456", "country", "EGY"}, Hit},
		{Document, row{"number", "C01X00T47", "country", "D"}, row{"number", "C01X00T47", "country", "DE"}, Hit},
		{Document, row{"number", "AB123456", "country", "SE"}, row{"number", "AB123456", "country", "NO"}, NoHit},
		{Document, row{"number", "AB123456", "country", "SE"}, row{"number", "AB123456"}, Inconclusive},
		{Document, row{"number", "AB123456", "country", "SE"}, row{"number", "A8I2345G", "country", "SE"}, Inconclusive},
		{Document, row{"number", "AB123456"}, row{"number", "A8I2345G", "country", "SE"}, NoHit},
		{Document, row{"number", "AB123456", "country", "SE", "kind", "VISA"}, row{"number", "AB123456", "country", "SE", "kind", "PASSPORT"}, Inconclusive},
		{Document, row{"number", "AB123456", "country", "SE"}, row{"number", "AB123457", "country", "SE"}, NoHit},

		{Vehicle, row{"plate", "А 123 ВС 77", "plate_country", "RUS"}, row{"plate", "a123bc77", "plate_country", "RU"}, Hit},
		{Vehicle, row{"plate", "ΙΒΥ-1234", "plate_country", "GRC"}, row{"plate", "IBY1234", "plate_country", "GR"}, Hit},
		{Vehicle, row{"plate", "ABC123", "plate_country", "SE"}, row{"plate", "ABC123", "plate_country", "FI"}, NoHit},
		{Vehicle, row{"plate", "ABC123"}, row{"plate", "ABC123", "plate_country", "FI"}, Inconclusive},
		{Vehicle, row{"plate", "OBC123", "plate_country", "SE"}, row{"plate", "0BC123", "plate_country", "SE"}, Inconclusive},
		{Vehicle, row{"vin", "YV1LW5502T2OI2345"}, row{"vin", "yv1lw5502t2012345", "plate", "ABC123"}, Hit},
		{Vehicle, row{"vin", "YV1LW5502T2012345", "plate", "ABC123", "plate_country", "SE"}, row{"vin", "YV1LW5502T2012345", "plate", "XYZ987", "plate_country", "NO"}, Hit},
		{Vehicle, row{"vin", "YV1LW5502T2012345"}, row{"vin", "YV1LW55O2T20l2345"}, Inconclusive},
		{Vehicle, row{"vin", "1223456"}, row{"vin", "1223456"}, Inconclusive},
		{Vehicle, row{"vin", "YV1LW5502T2012345", "plate", "ABC123", "plate_country", "SE"}, row{"vin", "YV1LW5502T2099999", "plate", "ABC123", "plate_country", "SE"}, Inconclusive},
		{Vehicle, row{"vin", "YV1LW5502T2012345"}, row{"plate", "ABC123", "plate_country", "SE"}, NoHit},

		{Firearm, row{"serial", "BKT-4711", "make", "Glock", "calibre", "9x19"}, row{"serial", "bkt4711", "make", "GLOCK Ges.m.b.H.", "calibre", "9 mm Luger"}, Hit},
		{Firearm, row{"serial", "BKT4711"}, row{"serial", "BKT4711", "make", "Glock"}, Inconclusive},
		{Firearm, row{"serial", "BKT4711", "make", "Glock"}, row{"serial", "BKT4711", "make", "Walther"}, Inconclusive},
		{Firearm, row{"serial", "BKT4711", "make", "Glock", "calibre", ".45 ACP"}, row{"serial", "BKT4711", "make", "Glock", "calibre", "9 mm"}, Inconclusive},
		{Firearm, row{"serial", "BKT4711", "make", "Glock", "calibre", ".45 ACP"}, row{"serial", "BKT4711", "make", "Beretta", "calibre", "9 mm"}, NoHit},
		{Firearm, row{"serial", "471", "make", "Husqvarna"}, row{"serial", "471", "make", "Husqvarna"}, Inconclusive},
		{Firearm, row{"serial", "AK 7,62", "calibre", "7,62x39", "make", "Ижмаш"}, row{"serial", "AK762", "calibre", "7.62 × 39", "make", "Izhmash"}, Hit},

		{Nominal, row{"family", "Svensson", "given", "Anna Maria", "birth_date", "1985-04-12"}, row{"full", "Maria Anna SVENSSON", "birth_date", "1985"}, Hit},
		{Nominal, row{"family", "Svensson", "given", "Anna", "birth_date", "1985-04-12"}, row{"family", "Svensson", "given", "Anna"}, Inconclusive},
		{Nominal, row{"family", "Svensson", "given", "Anna"}, row{"family", "Svensson", "given", "Anna"}, Inconclusive},
		{Nominal, row{"family", "Svensson", "given", "Anna", "birth_date", "--04-12"}, row{"family", "Svensson", "given", "Anna", "birth_date", "1985-04-12"}, Inconclusive},
		{Nominal, row{"family", "Svensson", "given", "Anna", "birth_date", "--04-12"}, row{"family", "Svensson", "given", "Anna", "birth_date", "1985-04-13"}, NoHit},
		{Nominal, row{"family", "Svensson", "given", "Anna", "birth_date", "1985-04-12"}, row{"family", "Svensson", "given", "Anna", "birth_date", "1985-12-04"}, Inconclusive},
		{Nominal, row{"family", "Svensson", "given", "Anna", "birth_date", "1985-04-12"}, row{"family", "Svensson", "given", "Anna", "birth_date", "1985-01-01"}, Inconclusive},
		{Nominal, row{"family", "Svensson", "given", "Anna", "birth_date", "1985-04-12"}, row{"family", "Svensson", "given", "Anna", "birth_date", "1986-04-12"}, NoHit},
		{Nominal, row{"family", "Svensson", "given", "Anna", "birth_date", "1985-04-12"}, row{"family", "Svensson", "given", "Anna", "birth_date", "1985-05"}, NoHit},
		{Nominal, row{"family", "Svensson", "given", "Anna", "birth_date", "1985-04-12"}, row{"family", "Svenson", "given", "Anna", "birth_date", "1985-12-04"}, NoHit},
		{Nominal, row{"family", "Youssef", "given", "Anna"}, row{"family", "Yusuf", "given", "Anna", "birth_date", "1985-12-04"}, Inconclusive},
		{Nominal, row{"family", "Stensson", "given", "Anna"}, row{"family", "Svensson", "given", "Anna", "birth_date", "1985-12-04"}, NoHit},
		{Nominal, row{"full", "Suharto"}, row{"full", "Soeharto", "birth_date", "1985-12-04"}, NoHit},
		{Nominal, row{"full", "Suharto", "birth_date", "1985-12-04"}, row{"full", "Suhatro", "birth_date", "1985-12-04"}, Inconclusive},
		{Nominal, row{"full", "Suharto", "birth_date", "1985-12-04"}, row{"full", "Suharto Wibowo", "birth_date", "1985-12-04"}, Inconclusive},
		{Nominal, row{"full", "Suharto", "birth_date", "1985"}, row{"full", "Suharto Wibowo", "birth_date", "1985-12-04"}, NoHit},
		{Nominal, row{"full", "Suharto", "birth_date", "1985-12-04"}, row{"full", "Suharto", "birth_date", "1985-12-04"}, Hit},
		{Nominal, row{"family", "Svensson", "given", "K", "birth_date", "1985"}, row{"family", "Svensson", "given", "Karl", "birth_date", "1985"}, Inconclusive},
		{Nominal, row{"family", "Svensson", "given", "K"}, row{"family", "Svensson", "given", "Karl", "birth_date", "1985"}, NoHit},
		{Nominal, row{"family", "Kim", "given", "Min", "birth_date", "1985-04-12", "sex", "F"}, row{"family", "Kim", "given", "Min", "birth_date", "1985-04-12", "sex", "M"}, Inconclusive},
		{Nominal, row{"family", "Kim", "given", "Min", "birth_date", "1985-04-12", "sex", "F"}, row{"family", "Kim", "given", "Min", "birth_date", "1985-04-12", "sex", "X"}, Hit},
		{Nominal, row{"family", "Kim", "given", "Min", "birth_date", "1985-04-12", "nationality", "KR", "sex", "M"}, row{"family", "Kim", "given", "Min", "birth_date", "1985-04-12", "nationality", "PRK", "sex", "F"}, NoHit},
		{Nominal, row{"family", "Al", "given", "Mehmet", "birth_date", "1985-04-12"}, row{"family", "AL", "given", "MEHMET", "birth_date", "1985-04-12"}, Hit},
		{Nominal, row{"family", "Al", "given", "Mehmet", "birth_date", "1985-04-12"}, row{"full", "Mehmet Al", "birth_date", "1985-04-12"}, Inconclusive},
		{Nominal, row{"family", "王", "given", "伟", "birth_date", "1985"}, row{"full", "王 伟", "birth_date", "1985"}, Hit},
	} {
		a, b := read(t, c.dataset, c.a...), read(t, c.dataset, c.b...)
		for range 2 {
			if got := Compare(a, b); got != c.want {
				t.Errorf("%q, %q: %s, want %s", c.a, c.b, got, c.want)
			}
			if c.want != NoHit && !probed(a, b) {
				t.Errorf("%q, %q: no probe finds it", c.a, c.b)
			}
			kept, err := ParseText(c.dataset, b.Text())
			if err != nil || Compare(a, kept) != c.want {
				t.Errorf("%q is another when it was kept: %v", c.b, err)
			}
			a, b = b, a
		}
	}
}

// What can't be right is refused, by key, and its value is not repeated.
func TestReadRefuses(t *testing.T) {
	for _, c := range []struct {
		dataset Dataset
		key     Key // that is named
		pairs   map[Key]string
	}{
		{"NOWHERE", "", map[Key]string{Number: "1"}},
		{Document, Number, nil},
		{Document, Number, map[Key]string{Number: " ", Country: "SE"}},
		{Document, Number, map[Key]string{Number: "---"}},
		{Document, Number, map[Key]string{Number: "123456789012345678901234567890123456789012"}},
		{Document, Number, map[Key]string{Number: "王123"}},
		{Document, Country, map[Key]string{Number: "1", Country: "S"}},
		{Document, Country, map[Key]string{Number: "1", Country: "S1"}},
		{Document, Country, map[Key]string{Number: "1", Country: "Sweden"}},
		{Document, Country, map[Key]string{Number: "1", Country: "ÅÄ"}},
		{Document, Kind, map[Key]string{Number: "1", Kind: "passport"}},
		{Document, "", map[Key]string{Number: "1", Plate: "ABC123"}},
		{Vehicle, "", map[Key]string{PlateCountry: "SE"}},
		{Vehicle, VIN, map[Key]string{VIN: "12345"}},
		{Vehicle, VIN, map[Key]string{VIN: "YV1LW5502T20123456"}},
		{Firearm, Calibre, map[Key]string{Serial: "1", Calibre: "large"}},
		{Firearm, Calibre, map[Key]string{Serial: "1", Calibre: "0.0"}},
		{Firearm, Make, map[Key]string{Serial: "1", Make: "?"}},
		{Nominal, "", map[Key]string{BirthDate: "1985"}},
		{Nominal, Family, map[Key]string{Family: "-"}},
		{Nominal, Family, map[Key]string{Family: "47"}},
		{Nominal, Family, map[Key]string{Family: "a\x00b"}},
		{Nominal, Family, map[Key]string{Family: "a\xff"}},
		{Nominal, Given, map[Key]string{Family: "A", Given: "a b c d e f g h i j k l m"}},
		{Nominal, Sex, map[Key]string{Family: "A", Sex: "f"}},
		{Nominal, BirthDate, map[Key]string{Family: "A", BirthDate: "31.12.1985"}},
	} {
		_, err := Read(Query{c.dataset, c.pairs})
		var fault *Fault
		if !errors.As(err, &fault) || fault.Key != c.key {
			t.Errorf("%s %q: %v", c.dataset, c.pairs, err)
		}
	}
}
