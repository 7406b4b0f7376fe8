//! [`comparison_markdown`], [`comparison_latex`]: strategies side by side, for a page or a paper.
//! The cells are those of the table on the terminal.

use fedlayer_core::{compare::ComparedStrategy, text::printable};

use crate::tables::{ColumnAlign, ComparisonView, notes};

/// Writes a Markdown table (GitHub's dialect), and the lines below it as a paragraph.
pub fn comparison_markdown(strategies: &[ComparedStrategy], view: &ComparisonView) -> String {
    let (heading, rows) = view.grid(strategies);
    let line = |cells: Vec<String>| format!("| {} |\n", cells.join(" | "));
    let rule = heading.iter().map(|(_, align)| match align {
        ColumnAlign::Left => ":--".to_owned(),
        ColumnAlign::Right => "--:".to_owned(),
    });
    let titles = heading.iter().map(|(title, _)| in_markdown(title)).collect();
    let mut text = line(titles) + &line(rule.collect());
    text.extend(rows.iter().map(|row| line(row.iter().map(|cell| in_markdown(cell)).collect())));
    let notes = notes(strategies, view);
    let lines = notes.lines().map(|line| format!("{}\n", in_paragraph(line)));
    text + "\n" + &lines.collect::<String>()
}

/// Escapes the characters that mean something in a cell of a Markdown table.
fn in_markdown(cell: &str) -> String {
    let escape = |c: char| match c {
        '\\' | '|' | '*' | '_' | '`' | '<' | '~' => format!("\\{c}"),
        c => c.to_string(),
    };
    printable(cell).chars().map(escape).collect()
}

/// Returns a line below the table as a part of a paragraph: its names stay in backticks, and
/// neither its indent nor its mark means anything.
fn in_paragraph(line: &str) -> String {
    let line = line.trim();
    let is_mark = line.starts_with(['*', '~', '!']);
    if is_mark { format!("\\{line}") } else { line.to_owned() }
}

/// Writes a LaTeX table for the package booktabs, and the lines below it as comments.
pub fn comparison_latex(strategies: &[ComparedStrategy], view: &ComparisonView) -> String {
    let (heading, rows) = view.grid(strategies);
    let line = |cells: Vec<String>| format!("{} \\\\\n", cells.join(" & "));
    let align = heading.iter().map(|(_, align)| match align {
        ColumnAlign::Left => 'l',
        ColumnAlign::Right => 'r',
    });
    let align: String = align.collect();
    let titles = line(heading.iter().map(|(title, _)| in_latex(title)).collect());
    let rows = rows.iter().map(|row| line(row.iter().map(|cell| in_latex(cell)).collect()));
    let rows: String = rows.collect();
    let notes: String =
        notes(strategies, view).lines().map(|line| format!("% {}\n", printable(line))).collect();
    format!(
        "% \\usepackage{{booktabs}}\n\\begin{{tabular}}{{{align}}}\n\\toprule\n{titles}\\midrule\n{rows}\\bottomrule\n\\end{{tabular}}\n{notes}"
    )
}

/// Writes a cell in LaTeX: special characters are escaped, and the minus of a number is a minus.
fn in_latex(cell: &str) -> String {
    let cell = printable(cell);
    let mut text = String::new();
    let mut characters = cell.chars().peekable();
    while let Some(c) = characters.next() {
        let is_number = characters.peek().is_some_and(char::is_ascii_digit);
        match c {
            '\\' => text += "\\textbackslash{}",
            '&' | '%' | '$' | '#' | '_' | '{' | '}' => text.extend(['\\', c]),
            '~' => text += "\\textasciitilde{}",
            '^' => text += "\\textasciicircum{}",
            '±' => text += "$\\pm$",
            'Δ' => text += "$\\Delta$",
            '²' => text += "$^2$",
            '<' => text += "$<$",
            '>' => text += "$>$",
            // Behind the end of a row, a bracket would begin an argument.
            '[' | ']' => text.extend(['{', c, '}']),
            '-' | '+' if is_number => text.extend(['$', c, '$']),
            c => text.push(c),
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_means_nothing_to_markdown_or_latex() {
        assert_eq!(in_markdown("a|b *c* `d` <e> \\"), "a\\|b \\*c\\* \\`d\\` \\<e> \\\\");
        assert_eq!(in_markdown("a\nb"), "a\\\\u000ab");
        assert_eq!(
            in_latex("50 % of_{a} & #1 \\x ~^"),
            "50 \\% of\\_\\{a\\} \\& \\#1 \\textbackslash{}x \\textasciitilde{}\\textasciicircum{}"
        );
        assert_eq!(in_latex("[-1.5, +2.0]"), "{[}$-$1.5, $+$2.0{]}");
        assert_eq!(in_latex("95.5±0.7"), "95.5$\\pm$0.7");
        assert_eq!(in_latex("one-layer"), "one-layer");
    }
}
