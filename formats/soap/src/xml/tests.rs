use super::*;

/// Tokens of a document in a short notation.
fn scan(xml: &str) -> Result<String, Error> {
    scan_within(xml, &Limits::default())
}

fn scan_within(xml: &str, limits: &Limits) -> Result<String, Error> {
    let mut scanner = Scanner::new(xml, limits);
    let mut seen = String::new();
    loop {
        match scanner.next()? {
            Token::Start { prefix, local } => {
                seen += &format!("<{{{}}}{local}", scanner.namespace(prefix));
                for attribute in scanner.attributes() {
                    seen += &format!(" {{{}}}{}={:?}", attribute.ns, attribute.local, attribute.value);
                }
                seen += ">";
            }
            Token::End { qname } => seen += &format!("</{qname}>"),
            Token::Text(text) => seen += &text,
            Token::Comment(text) => seen += &format!("<!--{text}-->"),
            Token::Pi { target, data } => seen += &format!("<?{target}|{data}?>"),
            Token::Eof => return Ok(seen),
        }
    }
}

#[test]
fn names_attributes_and_references_are_resolved() {
    let xml = "<?xml version='1.0'?>\r\n<p:a xmlns:p='u' p:x='1' y=' a\r\n&#9;&lt;b'>t&amp;&#xE9;\r\n<![CDATA[<&]]><b/></p:a>\n";
    assert_eq!(scan(xml).unwrap(), "<{u}a {u}x=\"1\" {}y=\" a \\t<b\">t&é\n<&<{}b></b></p:a>");
}

#[test]
fn an_attribute_may_use_a_prefix_declared_behind_it() {
    assert_eq!(scan("<a p:x='1' xmlns:p='u'/>").unwrap(), "<{}a {u}x=\"1\"></a>");
}

#[test]
fn an_inner_declaration_ends_with_its_element() {
    assert_eq!(
        scan("<a xmlns='u'><b xmlns='v'/><c xmlns=''/><d/></a>").unwrap(),
        "<{u}a><{v}b></b><{}c></c><{u}d></d></a>"
    );
}

#[test]
fn what_is_not_xml_is_refused() {
    let wrong = [
        "",
        " ",
        "text",
        "<a>",
        "<a/><b/>",
        "<a></b>",
        "</a>",
        "<a/>text",
        "<a/>&amp;",
        "<a x=1/>",
        "<a x='1' x='2'/>",
        "<a xmlns:p='u' xmlns:q='u' p:x='1' q:x='2'/>",
        "<a x='1'y='2'/>",
        "<a x='<'/>",
        "<a x/>",
        "<p:a/>",
        "<a p:x=''/>",
        "<a xmlns:p=''/>",
        "<a xmlns:p='u' xmlns:p='v'/>",
        "<a xmlns:xmlns='u'/>",
        "<a xmlns:xml='u'/>",
        "<a xmlns='http://www.w3.org/2000/xmlns/'/>",
        "<a>&nbsp;</a>",
        "<a>&#0;</a>",
        "<a>&#x1F;</a>",
        "<a>&#xD800;</a>",
        "<a>&#+65;</a>",
        "<a>& </a>",
        "<a>\u{1}</a>",
        "<a x='\u{0}'/>",
        "<1a/>",
        "<a:/>",
        "<:a/>",
        "<a:b:c xmlns:a='u'/>",
        "<a><!-- x -- y --></a>",
        "<a><?xml version='1.0'?></a>",
        "<a/><?xml version='1.0'?>",
        "<!DOCTYPE a><a/>",
        "<!DOCTYPE a [<!ENTITY e SYSTEM 'file:///etc/passwd'>]><a>&e;</a>",
        "\u{feff}\u{feff}<a/>",
    ];
    for xml in wrong {
        assert!(scan(xml).is_err(), "{xml}");
    }
}

#[test]
fn a_document_cut_anywhere_is_refused_and_never_panics() {
    let xml =
        "<?xml version='1.0'?><!-- é --><p:a xmlns:p='u' x='&#233;'>t&amp;<![CDATA[é]]><?pi d?><b></b></p:a>";
    for cut in (0..xml.len()).filter(|cut| xml.is_char_boundary(*cut)) {
        assert!(scan(&xml[..cut]).is_err(), "{cut}");
    }
    assert!(scan(xml).is_ok());
}

#[test]
fn limits_hold_at_their_value_and_not_beyond() {
    let limits = Limits { depth_max: 3, attributes_max: 2, namespaces_max: 4, ..Limits::default() };
    let at = |xml: &str| scan_within(xml, &limits).map(|_| ()).map_err(|error| error.code());
    let beyond = Err("soap.limit-exceeded");
    assert_eq!(at("<a><b><c/></b></a>"), Ok(()));
    assert_eq!(at("<a><b><c><d/></c></b></a>"), beyond);
    assert_eq!(at("<a x='' xmlns='u'/>"), Ok(()));
    assert_eq!(at("<a x='' y='' xmlns='u'/>"), beyond);
    // The xml prefix counts for one.
    assert_eq!(at("<a xmlns:a='u' xmlns:b='u'><b xmlns:c='u'/><c xmlns:c='u'/></a>"), Ok(()));
    assert_eq!(at("<a xmlns:a='u' xmlns:b='u'><b xmlns:c='u' xmlns:d='u'/></a>"), beyond);
}

#[test]
fn ten_thousand_nested_elements_are_refused_without_recursion() {
    let xml = "<a>".repeat(10_000) + &"</a>".repeat(10_000);
    assert_eq!(scan(&xml), Err(Error::Limit { what: "depth of elements", limit: 200 }));
}

/// The reader below drops a mark without counting it: ranges would be those of other bytes.
#[test]
fn a_byte_order_mark_that_is_left_is_refused() {
    assert!(scan("\u{feff}<a/>").is_err());
    assert!(scan("<a>\u{feff}</a>").is_ok());
}

#[test]
fn ranges_give_the_source_back() {
    let xml = "<a><b x='>'>t</b><c/></a>";
    let mut scanner = Scanner::new(xml, &Limits::default());
    let mut pieces = Vec::new();
    while !matches!(scanner.next().unwrap(), Token::Eof) {
        pieces.push(&xml[scanner.range()]);
    }
    assert_eq!(pieces, ["<a>", "<b x='>'>", "t", "</b>", "<c/>", "", "</a>"]);
}
