//! What the rooms of a new home are called.

/// Living room, kitchen and bedroom in a language; in English where it is not known.
pub(super) fn rooms(language: &str) -> [&'static str; 3] {
    let language = language.to_ascii_lowercase();
    match language.split(['-', '_']).next().unwrap_or_default() {
        "bg" => ["Всекидневна", "Кухня", "Спалня"],
        "ca" => ["Sala d'estar", "Cuina", "Dormitori"],
        "cs" => ["Obývací pokoj", "Kuchyně", "Ložnice"],
        "da" => ["Stue", "Køkken", "Soveværelse"],
        "de" => ["Wohnzimmer", "Küche", "Schlafzimmer"],
        "el" => ["Σαλόνι", "Κουζίνα", "Υπνοδωμάτιο"],
        "es" => ["Salón", "Cocina", "Dormitorio"],
        "et" => ["Elutuba", "Köök", "Magamistuba"],
        "fi" => ["Olohuone", "Keittiö", "Makuuhuone"],
        "fr" => ["Salon", "Cuisine", "Chambre"],
        "hu" => ["Nappali", "Konyha", "Hálószoba"],
        "it" => ["Soggiorno", "Cucina", "Camera da letto"],
        "ja" => ["リビング", "キッチン", "寝室"],
        "ko" => ["거실", "주방", "침실"],
        "nb" | "nn" | "no" => ["Stue", "Kjøkken", "Soverom"],
        "nl" => ["Woonkamer", "Keuken", "Slaapkamer"],
        "pl" => ["Salon", "Kuchnia", "Sypialnia"],
        "pt" => ["Sala de estar", "Cozinha", "Quarto"],
        "ro" => ["Sufragerie", "Bucătărie", "Dormitor"],
        "ru" => ["Гостиная", "Кухня", "Спальня"],
        "sk" => ["Obývačka", "Kuchyňa", "Spálňa"],
        "sl" => ["Dnevna soba", "Kuhinja", "Spalnica"],
        "sv" => ["Vardagsrum", "Kök", "Sovrum"],
        "tr" => ["Oturma odası", "Mutfak", "Yatak odası"],
        "uk" => ["Вітальня", "Кухня", "Спальня"],
        "zh" => ["客厅", "厨房", "卧室"],
        _ => ["Living room", "Kitchen", "Bedroom"],
    }
}

#[cfg(test)]
mod tests {
    use super::rooms;

    #[test]
    fn a_language_tag_may_name_a_region() {
        assert_eq!(rooms("de-AT")[1], "Küche");
        assert_eq!(rooms("pt_BR")[1], "Cozinha");
        assert_eq!(rooms("EN-gb")[1], "Kitchen");
        assert_eq!(rooms("tlh")[1], "Kitchen");
        assert_eq!(rooms("")[0], "Living room");
    }
}
