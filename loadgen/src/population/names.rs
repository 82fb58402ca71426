//! Names over shop doors, made up from parts.

const FAMILIES: [&str; 16] = [
    "みなと",
    "さくら",
    "やまと",
    "あおば",
    "ふじみ",
    "たちばな",
    "はるか",
    "ひまわり",
    "ことぶき",
    "わかば",
    "しらかば",
    "まつかぜ",
    "みどり",
    "つばめ",
    "かもめ",
    "あさひ",
];

const TRADES: [&str; 6] = ["マート", "ストア", "商店", "フーズ", "マルシェ", "市場"];

const PLACES: [&str; 20] = [
    "本店",
    "駅前店",
    "本町店",
    "北口店",
    "南口店",
    "中央店",
    "桜台店",
    "緑が丘店",
    "港町店",
    "城下店",
    "大手門店",
    "東町店",
    "西町店",
    "川端店",
    "坂の上店",
    "学園前店",
    "市役所前店",
    "青葉通り店",
    "運河店",
    "三丁目店",
];

/// Names the merchant of that number; no two numbers share a name.
pub(super) fn merchant(number: u32) -> String {
    let number = usize::try_from(number).unwrap_or(usize::MAX);
    let family = pick(&FAMILIES, number);
    let trade = pick(&TRADES, number / FAMILIES.len());
    match number / (FAMILIES.len() * TRADES.len()) {
        0 => format!("{family}{trade}"),
        round => format!("第{}{family}{trade}", round.saturating_add(1)),
    }
}

/// Names a merchant's store of that number; no two numbers share a name.
pub(super) fn store(merchant: &str, number: usize) -> String {
    let place = pick(&PLACES, number);
    match number / PLACES.len() {
        0 => format!("{merchant} {place}"),
        round => format!("{merchant} {place} {}", round.saturating_add(1)),
    }
}

fn pick(parts: &[&'static str], number: usize) -> &'static str {
    number.checked_rem(parts.len()).and_then(|at| parts.get(at)).copied().unwrap_or_default()
}
